"""Is what goes between the servers encrypted, and do they know each other?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination
from openlpm.model.certificate import Flaw
from openlpm.model.encryption import is_encrypted, is_plain
from openlpm.model.finding import Finding, Severity

_FLAWS = (
    ("certificate-expired", Flaw.EXPIRED),
    ("certificate-other-host", Flaw.OTHER_HOST),
    ("certificate-other-ca", Flaw.OTHER_CA),
    ("certificate-missing", Flaw.MISSING),
    ("certificate-refused", Flaw.REFUSED),
)


def certificates_are_trusted(e: Examination) -> Iterator[Finding]:
    """Both the daemons and the QEMUs of the two servers show each other certificates."""
    bad = e.peer.certificate if e.peer else None
    for code, flaw in _FLAWS:
        if bad is not None and bad.flaw is flaw:
            yield Finding(
                code,
                Severity.ERROR,
                bad.owner,
                f"the certificates that {bad.program} of {e.source.name} and of {e.target.name} "
                "show each other",
                bad.message,
                bad.remedy,
            )


def memory_can_be_encrypted(e: Examination) -> Iterator[Finding]:
    """A throwaway guest was moved as the partition would be."""
    if e.peer is not None and e.peer.channel:
        yield Finding(
            "encryption-fails",
            Severity.ERROR,
            e.source.name,
            "a throwaway guest moved to the target by TLS",
            f"{e.source.name} cannot send memory to {e.target.name} encrypted: {e.peer.channel}",
            "Remove what libvirt names, then validate again (docs/servers.md).",
        )


def nothing_goes_in_the_clear(e: Examination) -> Iterator[Finding]:
    """What the operator has allowed, said each time."""
    source, target = e.source.system, e.target.system
    ways = [f"the console's connection to {s.name}" for s in (source, target) if is_plain(s.uri)]
    if e.is_live and is_plain(target.peer_uri):
        ways.append(f"what the daemon of {source.name} tells that of {target.name}")
    if e.is_live and not is_encrypted(source, target):
        ways.append("the partition's memory")
    if ways:
        insecure = [s.name for s in (source, target) if s.insecure]
        yield Finding(
            "unencrypted",
            Severity.WARNING,
            insecure[0] if insecure else target.name,
            "which of the two systems is insecure, and the URIs of both",
            f"Whoever stands on the way can read, and change: {', '.join(ways)}.",
            "Give both servers certificates, and add them anew without --insecure "
            "(docs/servers.md).",
        )
