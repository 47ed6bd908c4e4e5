"""Figures with units, tables and sheets: what people read."""

import pytest

from openlpm.faces.cli.output import duration, mib, sheet, table


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
