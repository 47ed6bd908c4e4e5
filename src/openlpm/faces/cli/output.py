"""What commands print: JSON for programs; tables and sheets for people; figures with units.

Tables are plain text, aligned, the same on a terminal and in a pipe.

>>> print(table(("NAME", "STATE"), [("web1", "running"), ("db", "off")]))
NAME  STATE
web1  running
db    off
"""

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

import click

_MIB = 1024 * 1024


def printable(text: str) -> str:
    r"""The text with control characters spelled out: names come from servers that others use.

    >>> printable("a\x9b31mred")
    'a\\u009b31mred'
    """
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def say(text: str, *, err: bool = False) -> None:
    """Print lines for people."""
    click.echo("\n".join(map(printable, text.split("\n"))), err=err)


def print_json(value: Any) -> None:
    """The answer as the console gave it."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    """One of many answers: a line each, written at once."""
    say(json.dumps(value, ensure_ascii=False))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns under `headings`."""
    lines = [tuple(headings), *(tuple(printable(str(cell)) for cell in row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def sheet(pairs: Iterable[tuple[str, object]]) -> str:
    """One thing's particulars, a line each; those without a value are left out."""
    known = [(name, printable(str(value))) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in known)


def mib(count: float) -> str:
    """A number of bytes."""
    return f"{count / _MIB:.0f} MiB" if count >= _MIB else f"{count / 1024:.0f} KiB"


def duration(seconds: float) -> str:
    """A time span, in the units that one would say."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def moment(epoch: float | None) -> str:
    """A point in time, local; nothing for none."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch)) if epoch else ""
