"""What is wrong with a certificate, whose it is, and what to do about it.

Said in two places with the same words: when the console cannot reach a server, and as a finding
when two servers cannot reach each other.
"""

from dataclasses import dataclass
from enum import StrEnum


class Flaw(StrEnum):
    """The stable codes."""

    EXPIRED = "certificate-expired"  # or not valid yet
    OTHER_HOST = "certificate-other-host"
    OTHER_CA = "certificate-other-ca"
    MISSING = "certificate-missing"
    REFUSED = "certificate-refused"  # the other end does not take it, and does not say why


_SAYS = {
    Flaw.EXPIRED: ("has expired, or is not valid yet", "Renew it"),
    Flaw.OTHER_HOST: (
        "is for another host",
        "Have it issued for the name or address by which it is called (subjectAltName)",
    ),
    Flaw.OTHER_CA: (
        "is not from a CA that the other end trusts",
        "Let one CA sign the certificates of both ends",
    ),
    Flaw.MISSING: ("is missing or cannot be read", "Put it there, with its key and its CA's"),
    Flaw.REFUSED: (
        "was refused by the other end",
        "See libvirtd's log at both ends: is it missing at one, or from another CA",
    ),
}


@dataclass(frozen=True, slots=True)
class BadCertificate:
    """`owner` is a system's name or "the console", `program` "libvirtd" or "QEMU".

    `said` is what libvirt, QEMU or OpenSSL said, as one sentence.
    """

    flaw: Flaw
    owner: str
    program: str
    said: str

    @property
    def message(self) -> str:
        """What is wrong with whose."""
        return f"{self.program}'s certificate of {self.owner} {_SAYS[self.flaw][0]}: {self.said}"

    @property
    def remedy(self) -> str:
        """What to do, and where it is written how."""
        daemon = "; libvirtd reads its own when it starts" if self.program == "libvirtd" else ""
        return f"{_SAYS[self.flaw][1]} (docs/servers.md){daemon}."
