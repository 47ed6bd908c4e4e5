"""What must hold when everything has ended. The judge looks for itself, and says what it saw.

verdict = judge(scene, attempt, record, since)
verdict.wrong       # empty when the case holds
verdict.seen        # the evidence, also when it holds
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.scene import NAME, Scene, other
from openlpm.faces.cli.client import path_of
from openlpm.lab.command import wait_until
from openlpm.lab.errors import LabError
from openlpm.lab.image import check_records, check_sequence
from openlpm.lab.image.sequence import SequenceReport

SETTLES_S = 20.0
"""libvirt lets go of a lease, a port, a process a moment after it has said that it did."""


@dataclass(frozen=True)
class Before:
    """What the partition was before: its last record, and how long it had been up."""

    last_record: int
    uptime_s: float


@dataclass(frozen=True)
class Death:
    """A way to end: libvirt's `word` for it begins so, and QEMU's log has `said` of it."""

    word: str
    said: str = ""

    def explains(self, state: str, last_words: str) -> bool:
        """This is how it ended."""
        return state.startswith(self.word) and self.said in last_words


ANY_DEATH = Death("shut off")


@dataclass
class Verdict:
    """Findings against, and what was seen."""

    wrong: list[str] = field(default_factory=list[str])
    seen: list[str] = field(default_factory=list[str])

    def expect(self, what: str, *, holds: bool) -> None:
        """Note a violation unless it holds."""
        if not holds:
            self.wrong.append(what)


def before(scene: Scene) -> Before:
    """Ask the partition itself."""
    page = scene.fetch("/")
    return Before(page["sequence"], page["uptime_s"])


def judge(
    scene: Scene,
    attempt: Attempt,
    record: dict[str, Any] | None,
    since: Before,
    death: Death | None = None,
) -> Verdict:
    """Look at everything. `record` is the move's, or None when there was none.

    `death`: how the partition may have ended; None where it must run.
    """
    verdict = Verdict(wrong=list(attempt.wrong), seen=list(attempt.notes))
    states = {server.name: scene.state(server.name) for server in scene.lab.servers}
    holders = [name for name, state in states.items() if state]
    verdict.seen.append(", ".join(f"{name}: {state or 'absent'}" for name, state in states.items()))
    if len(holders) != 1:
        verdict.wrong.append(f"It is defined on {len(holders)} servers: {states}.")
        return verdict
    (holder,) = holders
    runs = states[holder].startswith("running")
    last_words = "" if runs else scene.last_words(holder)
    # What QEMU says when it gives itself up.
    verdict.seen += [line for line in last_words.splitlines() if "Assertion" in line]
    died = death is not None and death.explains(states[holder], last_words)
    verdict.expect(f"It is {states[holder]}.", holds=runs or died)
    _nothing_left(scene, verdict, holder, runs=runs)
    _said_truly(scene, verdict, attempt, record, holder, runs=runs)
    _disk_is_whole(scene, verdict, since, runs=runs)
    return verdict


def _nothing_left(scene: Scene, verdict: Verdict, holder: str, *, runs: bool) -> None:
    elsewhere = other(holder)
    persistent = "yes" in _line(scene.virsh(holder, "dominfo", NAME), "Persistent")
    verdict.expect(f"{holder} has no lasting definition of it.", holds=persistent)
    for what, wanted, count in (
        ("leases held", int(runs), scene.leases),
        ("reservations", 0, scene.reservations),
        (f"QEMUs on {holder}", int(runs), lambda: len(scene.qemus(holder))),
        (f"QEMUs on {elsewhere}", 0, lambda: len(scene.qemus(elsewhere))),
        (f"definitions on {elsewhere}", 0, lambda: len(scene.defined(elsewhere))),
        ("open migration ports", 0, lambda: _ports(scene)),
    ):
        found = _settled(count, wanted)
        verdict.expect(f"{what}: {found} instead of {wanted}.", holds=found == wanted)
        verdict.seen.append(f"{what} {found}")
    volumes = [volume.export for volume in scene.lab.volumes()]
    verdict.expect(f"The volumes are {volumes}.", holds=volumes == [NAME])


def _said_truly(
    scene: Scene,
    verdict: Verdict,
    attempt: Attempt,
    record: dict[str, Any] | None,
    holder: str,
    *,
    runs: bool,
) -> None:
    """The console's words against what is."""
    wanted = (holder, "running" if runs else "off")
    shown = _settled(lambda: _shown(scene), wanted)
    verdict.expect(f"The console shows it {shown} instead of {wanted}.", holds=shown == wanted)
    if record is None:
        verdict.expect("It moved though it was refused.", holds=holder == attempt.source)
        verdict.seen.append(f"no move: {attempt.refusal.code if attempt.refusal else 'lost'}")
        return
    phase = record["phase"]
    true_end = attempt.target if phase == "done" else attempt.source
    verdict.expect(f"The move says {phase}, but it is on {holder}.", holds=holder == true_end)
    why = record["reason"]
    verdict.expect("A failed move says no reason.", holds=phase == "done" or bool(why))
    verdict.wrong += _untold(scene.events_of(record["id"]), phase)
    verdict.seen.append(f"{phase}{f' ({why})' if why else ''}")
    if phase == "done" and runs:
        _pause_is_true(scene, verdict, record["figures"]["pause_ms"], holder)


def _pause_is_true(scene: Scene, verdict: Verdict, told: int | None, holder: str) -> None:
    """A libvirtd that was restarted has forgotten what QEMU measured; then nothing is compared."""
    measured = scene.pause_ms(holder)
    same = told == measured or measured is None
    verdict.expect(f"The pause is said to be {told} ms, QEMU measured {measured}.", holds=same)
    verdict.seen.append(f"pause told {told} ms, measured {measured} ms")


def _untold(codes: list[str], phase: str) -> Iterator[str]:
    """What is wrong with the story that the events tell."""
    ends = [c for c in codes if c in {f"migration-{end}" for end in ("done", "failed", "stopped")}]
    if codes[:1] != ["migration-begun"]:
        yield f"The story does not begin with its beginning: {codes}."
    if ends != [f"migration-{phase}"]:
        yield f"The story has the ends {ends} instead of one, {phase}."


def _disk_is_whole(scene: Scene, verdict: Verdict, since: Before, *, runs: bool) -> None:
    if runs:
        wait_until(scene.serves, seconds=SETTLES_S, what="the partition to serve")
        page = scene.fetch("/")
        verdict.expect("The partition has rebooted.", holds=page["uptime_s"] >= since.uptime_s)
        report = _running_disk(scene, since.last_record)
    else:
        report = check_sequence(scene.guest.volume)
    verdict.expect(f"Its disk is not whole: {report}.", holds=report.intact)
    verdict.expect("Confirmed records are lost.", holds=report.last >= since.last_record)
    verdict.seen.append(
        f"records {report.first} to {report.last}, {report.gaps} missing, {report.doubles} doubled"
    )


def _running_disk(scene: Scene, first: int) -> SequenceReport:
    """The records since, as the partition reads them from its own disk."""
    return check_records(scene.records(first))


def _settled(look: Callable[[], Any], wanted: Any) -> Any:
    """What is found, as soon as it is as wanted or will not become so."""
    with suppress(LabError):
        wait_until(lambda: look() == wanted, seconds=SETTLES_S, what="it to settle")
    return look()


def _shown(scene: Scene) -> tuple[str, str]:
    found = scene.client.get(path_of("partitions", NAME))
    return found["system"], found["state"]


def _ports(scene: Scene) -> int:
    return sum(len(scene.open_ports(server.name)) for server in scene.lab.servers)


def _line(text: str, key: str) -> str:
    return next((line for line in text.splitlines() if line.startswith(key)), "")
