"""One managed system of the lab: a libvirt host in namespaces of its own.

It is a value: what it is called and where it answers. Whether it runs is asked of its init.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid5

from openlpm.lab import cgroups, configuration, control, ssh
from openlpm.lab.command import run, wait_until
from openlpm.lab.errors import LabError
from openlpm.lab.names import server_name
from openlpm.lab.network import inside
from openlpm.lab.pki import LIBVIRT, QEMU, Authority
from openlpm.lab.plan import Plan, address, host_uuid
from openlpm.lab.ssh import Ssh
from openlpm.lab.state import Folder

LOG_FOLDER = "/var/log/libvirt"


@dataclass(frozen=True)
class LabServer:
    """`uri` is for those outside (the console), `peer_uri` for the other servers' libvirtd."""

    plan: Plan
    number: int
    folder: Folder

    @property
    def name(self) -> str:
        """s1, s2 …: its host name too."""
        return server_name(self.number)

    @property
    def uri(self) -> str:
        """libvirtd on the management network."""
        return self._uri(self.management_address, str(self.folder.console_pki))

    @property
    def peer_uri(self) -> str:
        """libvirtd on the migration network: a move goes on while management is cut."""
        return self._uri(self.migration_address, configuration.PKI_FOLDER)

    @property
    def ssh_uri(self) -> str:
        """The same by ssh."""
        return self._by_ssh(self.management_address)

    @property
    def ssh_peer_uri(self) -> str:
        """The same by ssh."""
        return self._by_ssh(self.migration_address)

    @property
    def management_address(self) -> str:
        """Where the console reaches it."""
        return address("management", self.number)

    @property
    def migration_address(self) -> str:
        """Where QEMU on it listens for an arriving partition."""
        return address("migration", self.number)

    @property
    def _called_at(self) -> tuple[str, str]:
        return self.management_address, self.migration_address

    @property
    def host_uuid(self) -> str:
        """What libvirt tells as the host's UUID."""
        return host_uuid(self.plan.name, self.number)

    @property
    def processors(self) -> int | None:
        """What it announces as configurable; None: what libvirt says."""
        return self.plan.processors

    @property
    def memory_mib(self) -> int | None:
        """What it announces as configurable; None: what libvirt says."""
        return self.plan.memory_mib

    @property
    def socket(self) -> Path:
        """Its init's."""
        return self.folder.socket(self.name)

    @property
    def pid(self) -> int:
        """Its init's process id here; LabError when the server is gone."""
        return control.pid_behind(self.socket)

    @property
    def pki(self) -> Path:
        """Its certificates, as seen from here."""
        return self.folder.server(self.name) / "etc-libvirt/pki"

    @property
    def root(self) -> Path:
        """Its file system, as seen from here."""
        return Path(f"/proc/{self.pid}/root")

    def exec_argv(self, argv: list[str]) -> list[str]:
        """The command that runs `argv` in it, as if on its console."""
        return ["nsenter", "-t", str(self.pid), "--mount", "--net", "--uts", "--pid", "--", *argv]

    def furnish(self) -> dict[str, object]:
        """Write its files; the answer tells its init how to show them."""
        own = self.folder.server(self.name)
        etc = own / "etc-libvirt"
        groups = cgroups.prepare(self.folder, self.name)
        network, pool = configuration.GUEST_NETWORK, configuration.LEASE_POOL
        local = configuration.LOCAL_POOL
        files = {
            etc / "libvirtd.conf": configuration.libvirtd(
                self.host_uuid, insecure=self.plan.insecure
            ),
            etc / "qemu.conf": configuration.qemu(self.number, divides=cgroups.divides(groups)),
            etc / "qemu-lockd.conf": configuration.leases(),
            etc / f"qemu/networks/{network}.xml": configuration.guest_network(self.host_uuid),
            etc / f"storage/{pool}.xml": configuration.lease_pool(self.host_uuid),
            etc / f"storage/{local}.xml": configuration.local_pool(_another(self.host_uuid)),
            own / "hostname": f"{self.name}\n",
            own / "hosts": configuration.hosts(self.plan.servers),
        }
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        _autostart(etc / "qemu/networks", network)
        _autostart(etc / "storage", pool)
        _autostart(etc / "storage", local)
        Ssh(self.folder.ssh).furnish(self.name, own, self._called_at)
        for path in (
            self.folder.leases / configuration.LOCKSPACE,
            own / "var-lib/leases",
            own / "var-lib/images",
        ):
            path.mkdir(parents=True, exist_ok=True)
        self.certify()
        return {
            "socket": str(self.socket),
            "hostname": self.name,
            "binds": self._binds(),
            "groups": groups,
        }

    def certify(self) -> None:
        """Give it certificates by which all others know it, on either network."""
        authority = Authority(self.folder.authority)
        for names in (LIBVIRT, QEMU):
            authority.issue(names, self.pki, self.name, self._called_at)

    def start_daemons(self) -> None:
        """virtlogd and virtlockd first: libvirtd looks for the lock daemon when it starts."""
        key = str(self.folder.server(self.name) / ssh.HOST_KEY)
        self._start("dropbear", ssh.daemon(key, self._called_at))
        self._start("virtlogd", ["virtlogd"])
        self._start("virtlockd", ["virtlockd"])
        lock = self.root / "run/libvirt/virtlockd-sock"
        wait_until(lock.exists, seconds=10, what=f"virtlockd on {self.name}")
        self._start("libvirtd", ["libvirtd", "--listen"])

    def wait_ready(self, hub: int, seconds: float = 30) -> None:
        """Until libvirtd answers over the management network and knows its QEMU."""
        argv = inside(hub, ["virsh", "--connect", self.uri, "capabilities"])

        def ready() -> bool:
            try:
                return bool(run(argv, doing=f"reach libvirtd on {self.name}", timeout=seconds))
            except LabError:
                if "libvirtd" not in self.daemons():
                    raise self._libvirtd_died() from None
                return False

        wait_until(ready, seconds=seconds, what=f"libvirtd on {self.name}")

    def daemons(self) -> list[str]:
        """Which of its daemons run."""
        return control.ask(self.socket, do="status")["daemons"]

    def is_up(self) -> bool:
        """It has power."""
        return control.answers(self.socket)

    def pids(self, matches: Callable[[list[str]], bool]) -> list[int]:
        """Its processes by their command line, oldest first, as process ids of the asker's."""
        own = os.readlink(f"/proc/{self.pid}/ns/pid")
        return sorted(
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _is_in(entry, own) and matches(_command_line(entry))
        )

    def qemus(self, partition: str) -> list[int]:
        """The processes there that are, or would become, a partition; none without power."""
        guest = f"guest={partition},"
        if not self.is_up():
            return []
        return self.pids(lambda argv: any(word.startswith(guest) for word in argv))

    def is_frozen(self) -> bool:
        """Whether `freeze` was the last word."""
        return control.ask(self.socket, do="status")["frozen"]

    def kill_libvirtd(self) -> None:
        """kill -9: partitions go on, and nobody looks after them."""
        control.ask(self.socket, do="kill", name="libvirtd")

    def start_libvirtd(self, hub: int) -> None:
        """Start it again, and wait until it answers."""
        self.start_daemons()
        self.wait_ready(hub)

    def freeze(self) -> None:
        """SIGSTOP everything on it, partitions too: a host that hangs."""
        control.ask(self.socket, do="freeze")

    def thaw(self) -> None:
        """SIGCONT: it goes on where it stood."""
        control.ask(self.socket, do="thaw")

    def _uri(self, address: str, certificates: str) -> str:
        if self.plan.insecure:
            return f"qemu+tcp://{address}/system"
        return f"qemu+tls://{address}/system?pkipath={quote(certificates)}"

    def _by_ssh(self, address: str) -> str:
        return f"qemu+ssh://root@{address}/system?keyfile={quote(str(Ssh(self.folder.ssh).key))}"

    def _start(self, name: str, argv: list[str]) -> None:
        log = f"{LOG_FOLDER}/{name}.stderr"
        control.ask(self.socket, do="start", name=name, argv=argv, log=log)

    def _binds(self) -> list[tuple[str, str]]:
        own = self.folder.server(self.name)
        binds = [
            (own / "etc-libvirt", "/etc/libvirt"),
            (own / "var-lib", "/var/lib/libvirt"),
            (self.folder.leases, configuration.LEASE_FOLDER),
            (own / "var-log", LOG_FOLDER),
            # Shared, so that QEMU is probed once for all: the answers are the same.
            (self.folder.data / "cache", "/var/cache/libvirt"),
            (own / "hostname", "/etc/hostname"),
            (own / "hosts", "/etc/hosts"),
            (own / "passwd", "/etc/passwd"),
        ]
        for source, _ in binds:
            if not source.exists():
                source.mkdir(parents=True)
        return [(str(source), target) for source, target in binds]

    def _libvirtd_died(self) -> LabError:
        log = self.folder.server(self.name) / "var-log/libvirtd.stderr"
        last = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        return LabError(
            "libvirtd-died",
            f"libvirtd on {self.name} ended as soon as it was started.",
            cause="\n".join(last),
        )


def _is_in(entry: Path, namespace: str) -> bool:
    with suppress(OSError):  # it has ended meanwhile
        return os.readlink(entry / "ns/pid") == namespace
    return False


def _command_line(entry: Path) -> list[str]:
    with suppress(OSError):
        return (entry / "cmdline").read_text(errors="replace").split("\0")
    return []


def _another(uuid: str) -> str:
    """A second one, always the same: libvirt wants that of each pool to be its own."""
    return str(uuid5(UUID(uuid), "local"))


def _autostart(folder: Path, name: str) -> None:
    link = folder / "autostart" / f"{name}.xml"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(f"../{name}.xml")
