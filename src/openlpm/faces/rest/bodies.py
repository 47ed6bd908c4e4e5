"""What requests may carry: strict, and nothing beyond what is named here.

Bodies check types only. Whether a name is well-formed or a number in range is the console's to
say (`model/names.py`), once, for every face. Each `value()` gives the model's noun.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from openlpm.model.partition import DiskSpec, EthernetSpec, PartitionSpec
from openlpm.model.policy import Policy
from openlpm.model.profile_document import read_adapter
from openlpm.model.resize import Resize
from openlpm.model.system import Mover, System

_NO_MAC = {"mac": ""}


class Body(BaseModel):
    """The root: no coercion ("5" is no number), no unknown members."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class MoverBody(Body):
    """The migration side of a system; `address` empty: the host of the connection URI."""

    address: str = ""
    bandwidth_mib_s: int = Field(default=0, description="0: no limit")
    concurrent: int = 4

    def value(self) -> Mover:
        """The model's noun."""
        return Mover(self.address, self.bandwidth_mib_s, self.concurrent)


class SystemBody(Body):
    """A managed system to add. `peer_uri` empty: other servers reach it by `uri` too."""

    name: str
    uri: str
    peer_uri: str = ""
    chassis: str = ""
    mover: MoverBody = MoverBody()
    processors: float | None = Field(default=None, description="null: libvirt's figure")
    memory_mib: int | None = Field(default=None, description="null: libvirt's figure")
    insecure: bool = Field(default=False, description="allow what is not encrypted")

    def value(self) -> System:
        """The model's noun."""
        return System(
            name=self.name,
            uri=self.uri,
            peer_uri=self.peer_uri or self.uri,
            chassis=self.chassis,
            mover=self.mover.value(),
            processors=self.processors,
            memory_mib=self.memory_mib,
            insecure=self.insecure,
        )


class ViosBody(Body):
    """What to change of a Virtual I/O Server; null: as it is. `mover_address` empty: the host of
    the connection URI."""

    mover_address: str | None = None
    mover_bandwidth_mib_s: int | None = Field(default=None, description="0: no limit")
    concurrent: int | None = None


class VolumeBody(Body):
    """A volume to make. `format` empty: raw."""

    name: str
    size_mib: int
    format: str = Field(default="", description="raw or qcow2; of files only")


class GrowBody(Body):
    """The size that a volume should have."""

    size_mib: int


class DiskBody(Body):
    """A disk: the URL of a network volume, nbd://host:port/export."""

    url: str
    bus: str = "scsi"


class EthernetBody(Body):
    """A virtual Ethernet adapter; `mac` empty: libvirt chooses."""

    switch: str
    mac: str = ""


class PolicyBody(Body):
    """How the partition may be moved."""

    max_pause_ms: int = 2000
    throttle: bool = True
    bandwidth_mib_s: int = Field(default=0, description="0: what the movers allow")
    postcopy: bool = Field(default=False, description="allowed when it does not converge")

    def value(self) -> Policy:
        """The model's noun."""
        return Policy(self.max_pause_ms, self.throttle, self.bandwidth_mib_s, self.postcopy)


class PartitionBody(Body):
    """A partition to create. Empty `machine` or `cpu_model`: a stable default."""

    name: str
    system: str
    memory_mib: int
    processors: int = 1
    processing_units: float | None = None
    disks: list[DiskBody] = []
    ethernets: list[EthernetBody] = []
    cpu_model: str = ""
    machine: str = ""
    policy: PolicyBody = PolicyBody()
    profile: dict[str, Any] = Field(
        default={}, description="what its first profile says beyond these, as in PATCH of one"
    )

    def value(self) -> PartitionSpec:
        """The model's noun."""
        return PartitionSpec(
            name=self.name,
            system=self.system,
            memory_mib=self.memory_mib,
            processors=self.processors,
            processing_units=self.processing_units,
            disks=tuple(DiskSpec(disk.url, disk.bus) for disk in self.disks),
            ethernets=tuple(EthernetSpec(each.switch, each.mac) for each in self.ethernets),
            cpu_model=self.cpu_model,
            machine=self.machine,
            policy=self.policy.value(),
            profile=self.profile,
        )


class ActivateBody(Body):
    """What to activate with; '' for the current profile."""

    profile: str = ""


class ResizeBody(Body):
    """What to change of a running partition; what is left out stays as it is."""

    memory_mib: int | None = None
    processors: int | None = None
    processing_units: float | None = None
    add: list[dict[str, Any]] = Field(
        default=[], description="adapters as in a profile's document; without `mac`: one is chosen"
    )
    remove: list[str] = Field(default=[], description="adapters: a disk's URL or a MAC address")
    save: bool = Field(default=False, description="in its current profile, too")

    def value(self) -> Resize:
        """The model's noun."""
        return Resize(
            memory_mib=self.memory_mib,
            processors=self.processors,
            units=self.processing_units,
            add=tuple(
                read_adapter({**_NO_MAC, **one} if "network" in one else one, f"add[{at}]")
                for at, one in enumerate(self.add)
            ),
            remove=tuple(self.remove),
            save=self.save,
        )


class NewProfileBody(Body):
    """A profile to add: what the partition is now, but for `change`; or like `copy_of`."""

    name: str
    copy_of: str = ""
    change: dict[str, Any] = Field(default={}, description="members of a profile's document")


class ProfileBody(Body):
    """What to change of a profile; `current`: and activate with it from now on."""

    change: dict[str, Any] = Field(default={}, description="members of a profile's document")
    require: list[str] = Field(default=[], description="adapters, by their URL or MAC address")
    desire: list[str] = Field(default=[], description="the same, those that may be missing")
    current: bool = False


class ShutdownBody(Body):
    """How to shut down. `force`: pull the plug."""

    force: bool = False


class BackupBody(Body):
    """Where to write a backup: an absolute path. `force`: replace a file that exists."""

    file: str
    force: bool = False


class RestoreBody(Body):
    """The backup to restore: an absolute path."""

    file: str


class RecoverBody(Body):
    """How far a recovery may go."""

    force: bool = Field(
        default=False, description="end it without the server that is out of sight and proved gone"
    )


class ValidateBody(Body):
    """Where the partition would go. `pool`: there, for disks that only its own server can reach."""

    to: str
    pool: str = Field(default="", description="empty: the usual one")


class MigrateBody(Body):
    """Where the partition goes; null: what its own policy says."""

    to: str
    max_pause_ms: int | None = None
    throttle: bool | None = None
    bandwidth_mib_s: int | None = None
    postcopy: bool | None = None
    pool: str = Field(default="", description="for disks that are copied; empty: the usual one")
    keep_disks: bool = Field(default=False, description="those that are copied stay here, too")
