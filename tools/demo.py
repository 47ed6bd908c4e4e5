"""The main job, from nothing to nothing: `make demo`.

Brings up a lab of two servers, starts a console, moves a partition there and back while clients
outside use it, moves it powered off, and prints what it took; build/demo.json has the same.

    python -m tools.demo [--name LAB] [--out FILE]      # KEEP=1 leaves all of it up
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from openlpm.lab import LabError, accel
from openlpm.lab.image import check_sequence, partition_files
from openlpm.lab.lab import Lab
from openlpm.lab.look import left_overs
from openlpm.lab.stage import SERVES_WITHIN_S, Guest, Stage
from openlpm.lab.state import folder_of


def main() -> int:
    """Run the demo; exit code 0 when every move did what it must."""
    wanted = _arguments()
    keep = os.environ.get("KEEP") == "1"
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        with Stage.up(wanted.name, keep=keep) as stage:
            _say(f"Two servers and a storage server are up; guests run under {_accelerator()}.")
            result = _play(stage)
    except KeyboardInterrupt:
        print("\nInterrupted; everything the demo made is removed.", file=sys.stderr)
        return 130
    except (LabError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    result["left_over"] = [] if keep else left_overs(folder_of(wanted.name))
    wanted.out.parent.mkdir(exist_ok=True)
    wanted.out.write_text(json.dumps(result, indent=2) + "\n")
    _table(result, time.monotonic() - started)
    print(f"The same as JSON: {wanted.out}")
    if keep:
        _what_next(Lab.load(wanted.name))
    return 0 if _is_good(result) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description="Move a partition between servers.")
    parser.add_argument("--name", default="demo", help="the lab's name: several may run at once")
    parser.add_argument("--out", type=Path, default=Path("build/demo.json"), help="the figures")
    return parser.parse_args()


def _accelerator() -> str:
    name = {"kvm": "KVM", "tcg": "TCG (software)"}[accel(partition_files().kernel)]
    return name if name == "KVM" else f"{name}, for KVM does not boot their kernel here"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _play(stage: Stage) -> dict[str, Any]:
    guest = stage.make_partition("web1", on="s1", memory_mib=256)
    stage.show("system", "list")
    with stage.clients(guest) as clients:
        begun = time.monotonic()
        stage.show("partition", "activate", "web1")
        clients.wait_until_served(SERVES_WITHIN_S)
        _say(f"web1 serves its clients {time.monotonic() - begun:.1f} s after activation.")
    before = _identity(stage, guest)
    stage.show("validate", "web1", "--to", "s2")
    moves = [
        _live(stage, guest, "active", ("migrate", "web1", "--to", "s2")),
        _live(stage, guest, "return", ("return", "web1")),
    ]
    stage.show("partition", "shutdown", "web1")
    moves.append(_inactive(stage, guest))
    stage.show("partition", "activate", "web1")
    with stage.clients(guest) as clients:
        clients.wait_until_served(SERVES_WITHIN_S)
    after = _identity(stage, guest)
    stage.show("partition", "list")
    moves[-1]["disk_gaps"] += stage.disk_gaps(guest)
    if not stage.keep:
        stage.show("partition", "shutdown", "web1")
        stage.show("partition", "delete", "web1")
    return {"moves": moves, "identity_kept": before == after}


def _live(stage: Stage, guest: Guest, kind: str, words: tuple[str, ...]) -> dict[str, Any]:
    """One move under clients' eyes."""
    with stage.clients(guest) as clients:
        clients.wait_until_served(SERVES_WITHIN_S)
        up_s = stage.fetch(guest, "/")["uptime_s"]
        with clients.window() as window:
            stage.show(*words)
        report = window.report
    if stage.fetch(guest, "/")["uptime_s"] < up_s:
        raise RuntimeError("The partition has rebooted: the move lost some of its memory.")
    figures = _figures(stage, kind)
    return figures | {
        "silence_ms": round(report.silence_ms, 1),
        "http_lost": report.http_lost,
        "disk_gaps": stage.disk_gaps(guest),
    }


def _inactive(stage: Stage, guest: Guest) -> dict[str, Any]:
    stage.show("migrate", "web1", "--to", "s2")
    figures = _figures(stage, "inactive")
    return figures | {"silence_ms": None, "http_lost": None, "disk_gaps": _gaps_when_off(guest)}


def _figures(stage: Stage, kind: str) -> dict[str, Any]:
    """What the console measured of the last move."""
    move = stage.lpm("migration", "list")[0]["migration"]
    return {
        "kind": kind,
        "from": move["source"],
        "to": move["target"],
        "pause_ms": move["figures"]["pause_ms"],
        "total_s": move["figures"]["total_s"],
        "bytes_sent": move["figures"]["bytes_sent"],
    }


def _gaps_when_off(guest: Guest) -> int:
    """Missing and doubled records on the disk of a partition that is off."""
    report = check_sequence(guest.volume)
    return report.gaps + report.doubles


def _identity(stage: Stage, guest: Guest) -> dict[str, Any]:
    """Who the partition is, by the console's word and by its own."""
    shown = stage.lpm("partition", "show", guest.name)
    return {
        "name": shown["name"],
        "uuid": shown["uuid"],
        "partition_id": shown["mark"]["partition_id"],
        "inside": stage.fetch(guest, "/identity"),
    }


def _is_good(result: dict[str, Any]) -> bool:
    live = [move for move in result["moves"] if move["kind"] != "inactive"]
    return (
        result["identity_kept"]
        and not result["left_over"]
        and all(move["disk_gaps"] == 0 for move in result["moves"])
        and all(move["http_lost"] == 0 and move["silence_ms"] < 250 for move in live)
    )


def _table(result: dict[str, Any], seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="What the moves took")
    for column in ("move", "from", "to"):
        table.add_column(column)
    for column in ("silence\n(ms)", "pause\n(ms)", "total\n(s)", "sent\n(MiB)", "HTTP\nlost"):
        table.add_column(column, justify="right")
    table.add_column("disk\ngaps", justify="right")
    for move in result["moves"]:
        table.add_row(*_row(move))
    console = Console()
    console.print(table)
    kept = "kept" if result["identity_kept"] else "NOT KEPT"
    left = ", ".join(result["left_over"]) or "nothing"
    console.print(f"Identity {kept}; left over on this machine: {left}. {seconds:.0f} s in all.")


def _row(move: dict[str, Any]) -> Iterator[str]:
    yield from (move["kind"], move["from"], move["to"])
    sent = move["bytes_sent"]
    figures = (
        move["silence_ms"],
        move["pause_ms"],
        move["total_s"],
        None if sent is None else sent // 2**20,
        move["http_lost"],
        move["disk_gaps"],
    )
    yield from ("-" if figure is None else f"{figure:g}" for figure in figures)


def _what_next(lab: Lab) -> None:
    print(
        f"""
The lab and its console are still up (KEEP=1). Try:
  export LPM_SOCKET={lab.folder.run / "console.sock"}
  lpm targets web1
  lpm migrate web1 --to s1
  lpm events --follow
  lpm lab down --name {lab.name}      # when you are done"""
    )


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
