"""What the hypervisor answered when it was asked about a move beforehand."""

from dataclasses import dataclass

from openlpm.model.certificate import BadCertificate


@dataclass(frozen=True, slots=True)
class CpuVerdict:
    """libvirt's comparison of a partition's processor with a host's; `missing` names why not."""

    compatible: bool
    missing: str = ""


@dataclass(frozen=True, slots=True)
class TimeVerdict:
    """What a server would make of a partition's shares and quota: empty texts are good news.

    `refusal`: why it starts no such partition; `trouble`: why one gets time without regard to them,
    or why that cannot be told.
    """

    refusal: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class PeerVerdict:
    """What the source's daemon met when it called the target's: empty texts are good news.

    `daemon`: why the target's daemon does not answer it; `port`: why the migration port does
    not; `objection`: why the source's hypervisor would not migrate this partition at all;
    `certificate`: why one of daemons or QEMUs does not trust the other; `channel`: why else
    nothing can be sent encrypted.
    """

    daemon: str = ""
    port: str = ""
    objection: str = ""
    channel: str = ""
    certificate: BadCertificate | None = None
