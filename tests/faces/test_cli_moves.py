"""`lpm migrate` and its kin, end to end: what is shown, what is told, and the exit codes."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable

from children import LPM, Done
from fake_console import STEP_S

Lpm = Callable[..., Done]


def test_a_validation_is_told_and_exits_by_its_outcome(lpm: Lpm) -> None:
    good = lpm("validate", "web1", "--to", "broken")
    assert good.code == 0
    assert "web1 can move from" in good.out
    assert "Expected: 2.5 s, a pause of 40 ms, 600 MiB" in good.out
    copied = lpm("validate", "web1", "--to", "broken", "--pool", "fast").out
    assert "Disk vda would be copied to pool fast on broken: 1 MiB written of 2 MiB." in copied
    bad = lpm("validate", "web1", "--to", "narrow", "--json")
    assert bad.code == 3
    assert bad.json["validation"]["findings"][1]["code"] == "memory-short"
    assert bad.err == ""


def test_targets_say_why_not(lpm: Lpm) -> None:
    text = lpm("targets", "web1").out
    assert re.search(r"^narrow +no +rmc-inactive", text, re.MULTILINE)
    assert re.search(r"^broken +yes", text, re.MULTILINE)
    assert "memory-short: 64 MiB are free." in text


def test_a_move_shows_its_five_steps_and_what_it_took(lpm: Lpm) -> None:
    there = lpm("migrate", "web1", "--to", "server2")
    assert there.code == 0
    assert re.match(r"web1: active migration m\d+ from server1 to server2\n", there.out)
    assert there.out.splitlines()[1:] == [
        "  1/5 Capture",
        "  2/5 Duplicate",
        "  3/5 Send",
        "  4/5 Switch over",
        "  5/5 Cut ties",
        "web1 runs on server2: pause 42 ms, total 0.9 s, 545 MiB sent.",
    ]
    back = lpm("return", "web1", "--json")
    assert back.json["migration"]["is_return"] is True
    assert back.json["migration"]["phase"] == "done"


def test_a_move_tells_what_became_of_its_disks(lpm: Lpm) -> None:
    done = lpm("migrate", "web1", "--to", "server2", "--pool", "fast", "--keep-disks")
    assert "vda: fast/v-m1 on server2, a copy of own/v on server1, which stays." in done.out
    (move,) = lpm("migration", "list", "--limit", "1", "--json").json
    assert "a copy of own/v" in lpm("migration", "show", move["migration"]["id"]).out


def test_a_paused_partition_is_told_to_stay_paused(lpm: Lpm) -> None:
    assert "paused1 is paused on server2" in lpm("migrate", "paused1", "--to", "server2").out


def test_a_move_that_is_not_waited_for_is_watched_later(lpm: Lpm) -> None:
    begun = lpm("migrate", "web1", "--to", "server2", "--no-wait", "--json")
    move = begun.json["migration"]["id"]
    lines = lpm("migration", "watch", move, "--json").out.splitlines()
    assert [json.loads(line)["migration"]["phase"] for line in lines][-1] == "done"
    again = lpm("migration", "watch", move)
    assert again.out.endswith("545 MiB sent.\n")
    assert re.search(rf"^{move} +web1", lpm("migration", "list").out, re.MULTILINE)
    assert "42 ms" in lpm("migration", "show", move).out
    assert lpm("return", "web1").code == 0


def test_a_failed_move_says_why_and_where_the_partition_is(lpm: Lpm) -> None:
    failed = lpm("migrate", "web1", "--to", "broken")
    assert failed.code == 1
    assert failed.err == (
        "web1 was not moved to broken.\nThe link broke.\nIt is running on server1.\n"
    )
    failed = lpm("migrate", "web1", "--to", "broken", "--json")
    assert failed.code == 1
    assert failed.json["migration"]["phase"] == "failed"
    assert json.loads(failed.err)["code"] == "migration-failed"


def test_a_refused_move_tells_every_finding(lpm: Lpm) -> None:
    refused = lpm("migrate", "web1", "--to", "narrow")
    assert refused.code == 3
    assert refused.out == ""
    assert "error memory-short (narrow, free memory): 64 MiB are free." in refused.err
    assert "    Free some." in refused.err
    assert "web1 cannot move to narrow." in refused.err
    as_json = json.loads(lpm("migrate", "web1", "--to", "narrow", "--json").err)
    assert [finding["severity"] for finding in as_json["findings"]] == ["warning", "error"]


def test_ctrl_c_leaves_the_move_alone_and_says_how_to_stop_it(
    lpm: Lpm, environment: dict[str, str]
) -> None:
    waiting = subprocess.Popen(
        [LPM, "migrate", "web1", "--to", "endless"],
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout is not None
    while "Send" not in waiting.stdout.readline():
        pass
    waiting.send_signal(signal.SIGINT)
    _, told = waiting.communicate(timeout=10)
    assert waiting.returncode == 130
    (move,) = re.findall(r"lpm migration stop (\S+)", told)
    assert "goes on" in told
    assert f"lpm migration watch {move}" in told
    assert lpm("migration", "recover", move).out.startswith("It runs on server1")
    forced = lpm("migration", "recover", move, "--force")
    assert (forced.code, "nothing to force" in forced.err) == (6, True)
    assert lpm("migration", "stop", move).code == 0
    late = lpm("migration", "stop", move)
    assert late.code == 6
    stopped = lpm("migration", "watch", move)
    assert stopped.code == 1
    assert "The operator stopped it." in stopped.err


def test_on_a_terminal_the_steps_are_ticked_and_a_bar_is_drawn(
    environment: dict[str, str],
) -> None:
    ours, theirs = pty.openpty()
    moving = subprocess.Popen(
        [LPM, "migrate", "web1", "--to", "server2"],
        env=environment | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=theirs,
    )
    os.close(theirs)
    shown = _all_of(ours)
    assert moving.wait(10) == 0
    last = shown[shown.rindex("Capture") :]
    assert "━" in last
    assert "512 MiB of 512 MiB" in last
    assert "pause at most 2000 ms" in last
    assert last.count("✓") == 4  # and one before "Capture"
    assert "pause 42 ms, total 0.9 s, 545 MiB sent." in last
    subprocess.run([LPM, "return", "web1"], env=environment, check=True, capture_output=True)


def _all_of(terminal: int) -> str:
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other side is closed
            os.close(terminal)
            return shown.decode()


def test_the_prompt_is_back_as_soon_as_the_move_is_final(lpm: Lpm) -> None:
    """From command to prompt, beyond the time that the (fake) move takes."""
    begun = time.perf_counter()
    assert lpm("migrate", "web1", "--to", "server2").code == 0
    assert time.perf_counter() - begun < 4 * STEP_S + 0.5
    assert lpm("return", "web1").code == 0
