"""The results: a line each as they come, then the matrix; as JSON, and as a page of the docs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from openlpm.chaos.faults import FAULTS
from openlpm.chaos.moments import Moment
from openlpm.chaos.run import Result

_MARKER = "<!-- What follows is written by `make chaos`. -->"
_MARKS = {True: "held", False: "FAILED"}


def line(result: Result, number: int, of: int) -> str:
    """One case, as it is told while the rest still runs."""
    final = "" if result.seconds_to_final is None else f", final after {result.seconds_to_final} s"
    head = f"{number:3}/{of} {_MARKS[result.held]:6} {result.name} ({result.took_s} s{final})"
    return head if result.held else f"{head}\n        {result.evidence}"


def summary(results: Sequence[Result]) -> str:
    """What an operator wants to know first."""
    failed = [result.name for result in results if not result.held]
    finals = [r.seconds_to_final for r in results if r.seconds_to_final is not None]
    longest = f"; longest from healing to a final state {max(finals)} s" if finals else ""
    return f"{len(results)} cases, {len(failed)} failing{longest}." + "".join(
        f"\n  failed: {name}" for name in failed
    )


def matrix(results: Sequence[Result]) -> str:
    """Rows are faults, columns moments; each cell the seconds from healing to a final state."""
    cells = {(r.fault, r.step): r for r in results}
    columns = [str(moment) for moment in Moment]
    lines = [f"| Fault | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for fault in FAULTS:
        row = [_cell(cells.get((fault.name, column))) for column in columns]
        if any(row):
            lines.append(f"| `{fault.name}`: {fault.what} | {' | '.join(row)} |")
    return "\n".join(lines)


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    if not result.held:
        return "**FAILED**"
    return "refused" if result.seconds_to_final is None else f"{result.seconds_to_final:.1f} s"


def write_page(results: Sequence[Result], page: Path) -> None:
    """Replace what stands behind the marker."""
    kept, _, _ = page.read_text().partition(_MARKER)
    page.write_text(f"{kept}{_MARKER}\n{summary(results)}\n\n{matrix(results)}\n")


def write_json(results: Sequence[Result], out: Path) -> None:
    """For programs: every case with its evidence."""
    write({"cases": [_public(result) for result in results]}, out)


def write(document: dict[str, Any], out: Path) -> None:
    """As JSON that people can read too."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n")


def _public(result: Result) -> dict[str, object]:
    fields = asdict(result)
    del fields["broke_the_scene"]
    return fields
