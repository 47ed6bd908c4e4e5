"""May it be run by the target before all of its memory is there, where its policy allows that?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination
from openlpm.model.finding import Finding, Severity

ALLOW_POSTCOPY = (
    "Allow userfaultfd to QEMU there (sysctl vm.unprivileged_userfaultfd=1), or move with "
    "--postcopy never (docs/postcopy.md)."
)


def target_can_postcopy(e: Examination) -> Iterator[Finding]:
    """A throwaway QEMU at the target was asked. The move does without post-copy then."""
    if e.policy.postcopy and e.copies:
        yield Finding(
            "postcopy-not-with-copies",
            Severity.WARNING,
            e.source.name,
            "disks that are copied, and the policy of the move",
            "Its policy allows post-copy, which is not done while disks are copied. The move does "
            "without.",
            "Put its disks on shared storage, or move with --postcopy never.",
        )
    if e.no_postcopy:
        yield Finding(
            "postcopy-unsupported",
            Severity.WARNING,
            e.target.name,
            "a throwaway QEMU at the target, in which post-copy is allowed",
            f"Its policy allows post-copy, which QEMU on {e.target.name} refuses: {e.no_postcopy} "
            "The move does without.",
            ALLOW_POSTCOPY,
        )
