"""What is said about moves and validations, in words and figures."""

from typing import Any

from openlpm.faces.cli.output import duration, mib
from openlpm.faces.cli.problem import finding_lines

_STATE = {"active": "runs", "inactive": "is", "suspended": "is paused"}


def heading(view: dict[str, Any]) -> str:
    """What moves where; the warnings of its validation first."""
    move = view["migration"]
    warnings = [line for finding in view.get("findings", ()) for line in finding_lines(finding)]
    route = f"from {move['source']} to {move['target']}"
    return "\n".join(
        [*warnings, f"{move['partition']}: {move['kind']} migration {move['id']} {route}"]
    )


def success(move: dict[str, Any]) -> str:
    """What the move took, as it was measured; what was not measured is left out."""
    figures = move["figures"]
    took: list[str] = []
    if figures["pause_ms"] is not None:
        took.append(f"pause {figures['pause_ms']} ms")
    if figures["total_s"] is not None:
        took.append(f"total {duration(figures['total_s'])}")
    if figures["bytes_sent"] is not None:
        took.append(f"{mib(figures['bytes_sent'])} sent")
    where = f"{move['partition']} {_STATE[move['kind']]} on {move['target']}"
    done = f"{where}: {', '.join(took)}." if took else f"{where}."
    return "\n".join([done, *copied(move)])


def copied(move: dict[str, Any]) -> list[str]:
    """What became of its disks, a line each."""
    stays = ", which stays" if move["keep_disks"] else ""
    return [
        f"{copy['disk']}: {copy['to_pool']}/{copy['to_volume']} on {move['target']}, "
        f"a copy of {copy['pool']}/{copy['volume']} on {move['source']}{stays}."
        for copy in move["copies"]
    ]


def going_on(move: dict[str, Any]) -> str:
    """What to tell somebody who stops waiting."""
    return (
        f"\nThe move of {move['partition']} to {move['target']} goes on without this command.\n"
        f"Watch it: lpm migration watch {move['id']}\n"
        f"Stop it:  lpm migration stop {move['id']}"
    )


def errors_in(examined: dict[str, Any]) -> list[dict[str, str]]:
    """The findings that block the move."""
    findings = examined["validation"]["findings"]
    return [finding for finding in findings if finding["severity"] == "error"]


def verdict(examined: dict[str, Any]) -> str:
    """A validation: its findings, whether the move is possible, and what it would take."""
    found = examined["validation"]
    lines = [line for finding in found["findings"] for line in finding_lines(finding)]
    can = "cannot" if errors_in(examined) else "can"
    lines.append(
        f"{found['partition']} {can} move from {found['source']} to {found['target']} "
        f"({found['checks']} checks)."
    )
    target = found["target"]
    lines += [
        f"Disk {copy['disk']} would be copied to pool {copy['to_pool']} on {target}: "
        f"{mib(copy['allocation_bytes'])} written of {mib(copy['capacity_bytes'])}."
        for copy in examined["copies"]
    ]
    if examined["estimate"]:
        lines.append(_expected(examined["estimate"]))
    return "\n".join(lines)


def _expected(estimate: dict[str, Any]) -> str:
    if not estimate["converges"]:
        return f"It is not expected to end by itself ({estimate['basis']})."
    return (
        f"Expected: {duration(estimate['total_s'])}, a pause of {estimate['pause_ms']:.0f} ms, "
        f"{mib(estimate['bytes_sent'])} to send ({estimate['basis']})."
    )
