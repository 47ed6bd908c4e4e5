"""Figures with units, tables and sheets: what people read."""

import io

import pytest
from rich.console import Console as Terminal

from openlpm.faces.cli.output import duration, mib, sheet, table
from openlpm.faces.cli.show_plain import PlainDisplay
from openlpm.faces.cli.show_rich import RichDisplay


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.042, "42 ms"), (0.9, "0.9 s"), (9.96, "10.0 s"), (61, "61 s"), (150, "2 min 30 s")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_amounts_of_memory() -> None:
    assert [mib(count) for count in (0, 2048, 545 * 2**20)] == ["0 KiB", "2 KiB", "545 MiB"]


def test_a_table_is_aligned_also_without_rows() -> None:
    assert table(("A", "STATE"), [("long", 1)]) == "A     STATE\nlong  1"
    assert table(("A", "STATE"), []) == "A  STATE"


def test_a_sheet_leaves_out_what_is_not_known() -> None:
    assert sheet([("Name", "web1"), ("ID", None), ("Why", ""), ("Free", 0)]) == (
        "Name  web1\nFree  0"
    )


def waiting(attention: str) -> dict[str, object]:
    return {"migration": {"phase": "send"}, "progress": None, "attention": attention}


def test_what_a_move_waits_for_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay()
    for attention in ("", "Waiting until s2 can be seen.", "Waiting until s2 can be seen.", ""):
        display.show(waiting(attention))
    assert capsys.readouterr().out.count("! Waiting until s2 can be seen.") == 1


def test_what_a_move_waits_for_stands_on_the_terminal() -> None:
    display = RichDisplay()
    display.show(waiting("Waiting until s2\x1b[2J can be seen."))
    display.close()
    out = io.StringIO()
    Terminal(file=out, width=200, color_system=None).print(display._render())
    assert "Waiting until s2" in out.getvalue()
    assert "\x1b" not in out.getvalue()
