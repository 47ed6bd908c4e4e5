"""What a partition does inside, asked of its guest agent."""

import base64
import json
import time
from dataclasses import dataclass

from console_fixtures import until

from openlpm.lab.stage import Stage


@dataclass(frozen=True)
class Inside:
    """A booted partition on s1, by its agent."""

    stage: Stage
    name: str

    def virsh(self, *words: str) -> str:
        return self.stage.lab.run(["virsh", *words], server="s1").stdout

    def agent(self, execute: str, **arguments: object) -> object:
        command = json.dumps({"execute": execute, "arguments": arguments})
        return json.loads(self.virsh("qemu-agent-command", self.name, command))["return"]

    def start(self, script: str) -> object:
        """Start it inside; the number of its process."""
        words = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}
        return self.agent("guest-exec", **words)["pid"]

    def output(self, pid: object) -> str:
        """What it printed, once it has ended."""

        def ended() -> dict[str, object] | None:
            time.sleep(0.2)
            status = self.agent("guest-exec-status", pid=pid)
            return status if status["exited"] else None

        return base64.b64decode(
            str(until(ended, 60, "the work in the guest ends").get("out-data", ""))
        ).decode()

    def booted_at(self) -> float:
        """When its clock began, by this machine's, from the quickest of some answers."""
        answers = []
        for _ in range(5):
            handle = self.agent("guest-file-open", path="/proc/uptime")
            before = time.monotonic()
            read = self.agent("guest-file-read", handle=handle)
            after = time.monotonic()
            self.agent("guest-file-close", handle=handle)
            uptime = float(base64.b64decode(read["buf-b64"]).split()[0])
            answers.append((after - before, (before + after) / 2 - uptime))
        return min(answers)[1]
