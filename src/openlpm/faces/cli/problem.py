"""A problem: why a command cannot be done, as the console or the command line itself says it.

It is up to three short lines on stderr; with `--json`, the RFC 9457 document that the
console sent, or one of the same form.

>>> print(Problem("no-such-partition", "not-found", "There is no partition 'web9'.").text())
There is no partition 'web9'.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from openlpm.faces.cli.output import printable

_SHOWN = {"system", "looked_at", "severity", "code", "message", "remedy"}


class Problem(Exception):
    """Ends a command. `kind` decides its exit code, `code` is for scripts to test."""

    def __init__(
        self,
        code: str,
        kind: str,
        message: str,
        *,
        cause: str = "",
        remedy: str = "",
        findings: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind
        self.message = message
        self.cause = cause
        self.remedy = remedy
        self.findings = findings

    @classmethod
    def from_document(cls, document: Any) -> "Problem":
        """The problem that the console sent, whatever else it may be."""
        if not isinstance(document, dict):
            document = {}
        document = cast("dict[str, Any]", document)
        return cls(
            str(document.get("code", "unknown-problem")),
            str(document.get("kind", "failed")),
            str(document.get("detail", "The console did not say why.")),
            cause=str(document.get("cause", "")),
            remedy=str(document.get("remedy", "")),
            findings=_findings(document.get("findings", ())),
        )

    def text(self) -> str:
        """Message, cause and remedy, a line each; the findings before them."""
        lines = [line for finding in self.findings for line in finding_lines(finding)]
        return "\n".join(
            [*lines, *map(printable, filter(None, (self.message, self.cause, self.remedy)))]
        )

    def document(self) -> str:
        """The same as a line of JSON."""
        return json.dumps(
            {
                "type": f"urn:openlpm:problem:{self.code}",
                "detail": self.message,
                "code": self.code,
                "kind": self.kind,
                "cause": self.cause,
                "remedy": self.remedy,
                "findings": list(self.findings),
            }
        )


def _findings(told: object) -> Sequence[Mapping[str, str]]:
    """Those that have all that is shown of a finding."""
    found = cast("list[Any]", told) if isinstance(told, list) else []
    those = [cast("dict[str, str]", each) for each in found if isinstance(each, dict)]
    return [each for each in those if each.keys() >= _SHOWN]


def finding_lines(finding: Mapping[str, str]) -> tuple[str, str]:
    """A finding of validation: what and where, then what to do about it."""
    looked_at = f"{finding['system']}, {finding['looked_at']}"
    return (
        printable(f"{finding['severity']} {finding['code']} ({looked_at}): {finding['message']}"),
        printable(f"    {finding['remedy']}"),
    )
