"""Can the console see both servers, and can the servers talk to each other?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination, Side
from openlpm.model.finding import Finding, Severity


def systems_differ(e: Examination) -> Iterator[Finding]:
    """A move needs two servers, and two names may be one host."""
    facts = (e.source.facts, e.target.facts)
    same_host = all(facts) and len({f.host_uuid for f in facts if f}) == 1
    if e.source.name == e.target.name or same_host:
        yield Finding(
            "same-system",
            Severity.ERROR,
            e.target.name,
            "host UUIDs of both systems",
            f"The partition is on {e.target.name} already.",
            "Choose another server (lpm targets).",
        )


def _answers(side: Side, code: str) -> Iterator[Finding]:
    if side.facts is None:
        yield Finding(
            code,
            Severity.ERROR,
            side.name,
            f"the console's connection to {side.system.uri}",
            f"{side.name} does not answer. {side.trouble}".strip(),
            f"Check that {side.name} is up and that libvirtd listens (lpm system show).",
        )


def source_answers(e: Examination) -> Iterator[Finding]:
    """Nothing is known of a partition whose server is out of reach."""
    yield from _answers(e.source, "source-unreachable")


def target_answers(e: Examination) -> Iterator[Finding]:
    """A server out of reach cannot be a target."""
    yield from _answers(e.target, "target-unreachable")


def questions_were_answered(e: Examination) -> Iterator[Finding]:
    """What nobody could tell must not pass for good news."""
    both_answer = e.source.facts is not None and e.target.facts is not None
    for question in e.unanswered if both_answer else ():
        yield Finding(
            "not-examined",
            Severity.ERROR,
            e.source.name,
            question.partition(":")[0],
            f"A question to the servers was not answered: {question}",
            "Validate again; if it stays so, look at libvirtd's log on both servers.",
        )


def daemons_reach_each_other(e: Examination) -> Iterator[Finding]:
    """Peer-to-peer: the source's daemon calls the target's, then QEMU sends memory to QEMU."""
    if e.peer is None:
        return
    if e.peer.daemon:
        yield Finding(
            "peer-daemon-unreachable",
            Severity.ERROR,
            e.source.name,
            f"a call from {e.source.name}'s daemon to {e.target.system.peer_uri}",
            f"The daemon of {e.source.name} cannot call that of {e.target.name}: {e.peer.daemon}",
            "Check the peer URI, its certificates or keys, and the firewall between the servers.",
        )
    if e.peer.port:
        yield Finding(
            "migration-port-unreachable",
            Severity.ERROR,
            e.source.name,
            f"the migration ports of {e.target.system.mover.address or e.target.name}",
            f"{e.source.name} does not reach {e.target.name}'s migration address: {e.peer.port}",
            "Open TCP 49152 to 49215 between the servers; check the mover's address.",
        )


def source_hypervisor_agrees(e: Examination) -> Iterator[Finding]:
    """libvirt's own judgement at the source: it may know reasons that we do not look for."""
    if e.peer is not None and e.peer.objection:
        yield Finding(
            "hypervisor-objects",
            Severity.ERROR,
            e.source.name,
            "libvirt's own judgement of the partition at the source",
            f"libvirt would not migrate it: {e.peer.objection}",
            "Remove what libvirt names, then validate again.",
        )
