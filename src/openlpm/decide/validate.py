"""May this partition move there? Every check is run; none stops another.

An error blocks, a warning does not. See `checks` for what is looked at.
"""

from openlpm.decide.checks import CHECKS
from openlpm.decide.examination import Examination
from openlpm.model.errors import Refused
from openlpm.model.finding import Validation


def validate(examination: Examination) -> Validation:
    """Judge an examination."""
    findings = tuple(finding for check in CHECKS for finding in check(examination))
    return Validation(
        partition=examination.partition.name,
        source=examination.source.name,
        target=examination.target.name,
        checks=len(CHECKS),
        findings=findings,
    )


def require(validation: Validation) -> None:
    """Raise `Refused` with all findings when an error blocks the move."""
    if not validation.passed:
        codes = ", ".join(dict.fromkeys(f.code for f in validation.errors))
        raise Refused(
            "validation-failed",
            f"{validation.partition!r} cannot move to {validation.target}: {codes}.",
            validation.findings,
        )
