"""One attempt to move the partition while something goes wrong: what was asked, what was told.

The console tells its steps as events, through a stream opened before the move is asked for. So the
moment of a step is the moment at which its record was written, to within a few milliseconds.
"""

import threading
from collections.abc import Iterator
from typing import Any

from openlpm.chaos.scene import FINAL, Scene
from openlpm.faces.cli.client import Client, Message, path_of
from openlpm.faces.cli.problem import Problem

_ENDS = frozenset(f"migration-{phase}" for phase in FINAL)
ANSWER_S = 60.0


class Attempt:
    """A move from `source` to `target`. `notes` is what the fault itself found wrong or telling.

    `unheard`: the console that was asked is frozen, and its answer is not waited for.
    """

    def __init__(self, scene: Scene) -> None:
        self.source = scene.here
        self.target = scene.there
        self.before = scene.latest()
        self.limits: dict[str, Any] = {}
        self.hands_lent = False
        self.unheard = False
        self.notes: list[str] = []
        self.wrong: list[str] = []
        self.move_id = ""
        self.refusal: Problem | None = None
        self._scene = scene
        self._client = Client(str(scene.stage.socket))
        self._told: Iterator[Message] = self._client.stream(path_of("events", "stream"))
        self._asking = threading.Thread(target=self._ask, name="ask", daemon=True)

    def ask(self) -> None:
        """Ask for the move; does not wait for the answer."""
        self._asking.start()

    def answered(self) -> str:
        """The move's id, once the console has answered; empty when there is none."""
        if not self.unheard:
            self._asking.join(ANSWER_S)
        return self.move_id

    def until_told(self, code: str) -> bool:
        """Wait for an event of this move; False when it has ended, or was refused, without."""
        for message in self._told:
            event: dict[str, Any] = message.data or {}
            if event.get("migration_id"):
                if event["code"] == code:
                    return True
                if event["code"] in _ENDS:
                    return False
            elif not self._asking.is_alive() and self.refusal is not None:
                return False
        return False

    def _ask(self) -> None:
        try:
            self.move_id = self._scene.ask_to_move(self.target, **self.limits)
        except Problem as problem:
            self.refusal = problem
