"""What the hypervisor answered when it was asked about a move beforehand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CpuVerdict:
    """libvirt's comparison of a partition's processor with a host's; `missing` names why not."""

    compatible: bool
    missing: str = ""


@dataclass(frozen=True, slots=True)
class PeerVerdict:
    """What the source's daemon met when it called the target's: empty texts are good news.

    `daemon`: why the target's daemon does not answer it; `port`: why the migration port does
    not; `objection`: why the source's hypervisor would not migrate this partition at all.
    """

    daemon: str = ""
    port: str = ""
    objection: str = ""
