"""A move on a terminal: the five steps with ticks, and a bar with its figures.

    ✓ Capture
    ✓ Duplicate
    ⠹ Send         ━━━━━━━━━━━━━━━━━━━━━╺━━━━━━━━  391 MiB of 512 MiB
                   98 MiB/s, 1.3 s left, pass 2, 604 MiB sent, pause at most 2000 ms
      Switch over
      Cut ties

Only loaded on a terminal, and while the move is already going on: rich takes its time.
"""

from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from openlpm.faces.cli.output import duration, mib, printable
from openlpm.faces.cli.steps import PHASES, STEPS, is_final

_BAR_WIDTH = 32


class RichDisplay:
    """Redraws the steps in place, ten times a second at most."""

    def __init__(self) -> None:
        self._view: dict[str, Any] | None = None
        self._progress: dict[str, Any] | None = None
        self._reached = 0
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._render, refresh_per_second=10)
        self._live.start()

    def show(self, view: dict[str, Any]) -> None:
        """The move has changed; drawn at the next refresh."""
        phase = view["migration"]["phase"]
        self._reached = PHASES.index(phase) if phase in STEPS else self._reached
        # The last figures stay on the screen once the transfer has none any more.
        self._progress = view["progress"] or self._progress
        self._view = view

    def close(self) -> None:
        """Draw it a last time, and leave it on the screen."""
        self._live.stop()

    def _render(self) -> RenderableType:
        if self._view is None:
            return Text("")
        grid = Table.grid(padding=(0, 1))
        for index, (phase, name) in enumerate(STEPS.items()):
            sending = phase == "send" and self._progress
            figures = _transfer(self._view, sending) if sending else ""
            grid.add_row(self._sign(self._view, index), name, figures)
        attention = self._view["attention"]
        return Group(grid, Text(printable(attention), style="yellow")) if attention else grid

    def _sign(self, view: dict[str, Any], index: int) -> RenderableType:
        if view["migration"]["phase"] == "done" or index < self._reached:
            return Text("✓", style="green")
        if index > self._reached:
            return Text(" ")
        return Text("✗", style="red") if is_final(view) else self._spinner


def _transfer(view: dict[str, Any], progress: dict[str, Any]) -> RenderableType:
    disks = progress["disk_total_bytes"]
    memory = max(0, progress["total_bytes"] - disks)
    done = view["migration"]["phase"] == "done"
    bar = Table.grid(padding=(0, 2))
    if disks:
        _bar(bar, disks, 1.0 if done else progress["disks_done"], "disks ")
    if memory or not disks:
        _bar(bar, memory, 1.0 if done else progress["memory_done"], "memory " if disks else "")
    return Group(bar, Text(printable(", ".join(_figures(view, progress))), style="dim"))


def _bar(bars: Table, total: int, share: float, what: str) -> None:
    across = int(total * share)
    bars.add_row(
        ProgressBar(total=max(total, 1), completed=across, width=_BAR_WIDTH),
        Text(f"{what}{mib(across)} of {mib(total)}"),
    )


def _figures(view: dict[str, Any], progress: dict[str, Any]) -> list[str]:
    figures = [f"{mib(progress['rate_bytes_s'])}/s"]
    if view["remaining_s"] is not None and not is_final(view):
        figures.append(f"{duration(view['remaining_s'])} left")
    if progress["iteration"]:
        figures.append(f"pass {progress['iteration']}")
    figures.append(f"{mib(progress['sent_bytes'])} sent")
    if progress["throttle_percent"]:
        figures.append(f"throttled by {progress['throttle_percent']} %")
    figures.append(f"pause at most {view['migration']['policy']['max_pause_ms']} ms")
    return figures
