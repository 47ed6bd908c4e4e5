"""Is the partition in a state that can be moved, and is nobody else at work on it?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination
from openlpm.decide.reserve import mover_shortages
from openlpm.model.finding import Finding, Severity
from openlpm.model.partition import Rmc
from openlpm.model.sight import Sight, Why
from openlpm.model.spoken import spoken


def state_allows_a_move(e: Examination) -> Iterator[Finding]:
    """Running, paused and off can be moved; a partition out of sight or half arrived cannot."""
    state, why = e.partition.state, e.partition.why
    half_arrived = state is Sight.PAUSED and why is Why.MIGRATION
    if e.kind is None or half_arrived:
        yield Finding(
            "state-forbids",
            Severity.ERROR,
            e.source.name,
            "the partition's state",
            f"It is {state} ({why}) on {e.source.name}.",
            "Wait until its server can be seen and no transfer is under way (lpm partition show).",
        )
    if state is Sight.PAUSED and why is Why.FAULT:
        yield Finding(
            "paused-by-fault",
            Severity.WARNING,
            e.source.name,
            "why the partition is paused",
            "It was paused by a fault (a disk error, say) and will stay paused at the target.",
            "Mend the fault, then resume it (lpm partition resume).",
        )


FORGIVING_QEMU = 10_000_000
"""The first version that lets a partition be moved whose disks it has not taken over."""


def has_run_since_it_arrived(e: Examination) -> Iterator[Finding]:
    """QEMU dies when it moves on what arrived paused and has not run: all memory would be lost."""
    old = e.source.facts is not None and e.source.facts.hypervisor_version < FORGIVING_QEMU
    if e.is_live and old and e.hardware and e.hardware.not_run_here:
        yield Finding(
            "not-run-since-arrival",
            Severity.ERROR,
            e.source.name,
            "whether it has run since it arrived paused",
            f"It arrived at {e.source.name} paused and has not run there; QEMU before 10.0 would "
            "crash when it is moved on.",
            "Resume it, pause it again (lpm partition resume, pause "
            f"{spoken(e.partition.name, e.partition.uuid)}), and move it then.",
        )


def partition_is_ours(e: Examination) -> Iterator[Finding]:
    """What others made is shown, and never touched unasked."""
    if e.partition.mark is None:
        yield Finding(
            "not-adopted",
            Severity.ERROR,
            e.source.name,
            "our mark in the partition's metadata",
            f"{e.partition.name!r} was made by others, and was not adopted.",
            f"Adopt it first: lpm partition adopt {spoken(e.partition.name, e.partition.uuid)}.",
        )


def no_other_job(e: Examination) -> Iterator[Finding]:
    """One move at a time, and no libvirt job of somebody else."""
    if e.move_under_way:
        yield Finding(
            "move-under-way",
            Severity.ERROR,
            e.source.name,
            "the journal's unfinished moves",
            f"Migration {e.move_under_way} of this partition has not ended.",
            f"Wait for it (lpm migration watch {e.move_under_way}) or stop it.",
        )
    elif e.job_under_way:
        yield Finding(
            "job-under-way",
            Severity.ERROR,
            e.source.name,
            "libvirt's jobs of the partition",
            "Another libvirt job (a backup, a dump, somebody else's migration) is under way.",
            "Wait for it to end (virsh domjobinfo).",
        )


def movers_have_room(e: Examination) -> Iterator[Finding]:
    """The movers' limits on moves at once."""
    if not e.is_live:
        return
    for side in (e.source, e.target):
        yield from mover_shortages(side.system, side.moves)


def agent_answers(e: Examination) -> Iterator[Finding]:
    """RMC stands for the guest's cooperation; a move does without it."""
    if e.partition.state is Sight.RUNNING and e.partition.rmc is not Rmc.ACTIVE:
        yield Finding(
            "rmc-inactive",
            Severity.WARNING,
            e.source.name,
            "the partition's agent (RMC)",
            "The agent does not answer; the guest cannot be asked to prepare for the move.",
            "Install and start qemu-guest-agent in the partition.",
        )
