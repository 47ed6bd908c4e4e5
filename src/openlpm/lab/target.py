"""LUNs: an iSCSI target in the hub, and a storage pool of it on each server.

tgt's daemon is a process like any other and libvirt's `iscsi-direct` pools and QEMU speak iSCSI
themselves, so the kernel has no part in it: it works in namespaces, without modules. The servers'
volumes are `unit:0:0:1` and so on; `unit:0:0:0` is the target's controller.
"""

import shutil
from typing import TYPE_CHECKING

from openlpm.lab import control
from openlpm.lab.command import SYSTEM_PATH, missing, wait_until
from openlpm.lab.errors import LabError
from openlpm.lab.plan import address

if TYPE_CHECKING:
    from openlpm.lab.lab import Lab

POOL = "san"
MIB = 2**20
MOST = 64


def serve(lab: "Lab", count: int, size_mib: int) -> None:
    """Start the target with so many empty LUNs, and define its pool on each server; once a lab."""
    if not 1 <= count <= MOST or size_mib < 1:
        raise LabError("bad-luns", f"A lab has 1 to {MOST} LUNs of 1 MiB or more.")
    if not shutil.which("tgtd", path=SYSTEM_PATH):
        raise missing(["tgtd"])
    name = f"iqn.2026-01.org.openlpm:{lab.name}"
    ipc = f"TGT_IPC_SOCKET={lab.folder.run / 'tgtd'}"
    portal = address("storage", 0)
    daemon = ["env", ipc, "tgtd", "-f", "--iscsi", f"portal={portal}:3260"]
    log = str(lab.folder.run / "tgtd.log")
    control.ask(lab.hub.socket, do="start", name="tgtd", argv=daemon, log=log)

    def admin(*words: str, check: bool = True) -> bool:
        argv = ["env", ipc, "tgtadm", "--lld", "iscsi", *words]
        return lab.run(argv, check=check).returncode == 0

    def answers() -> bool:
        return admin("--op", "show", "--mode", "sys", check=False)

    wait_until(answers, seconds=10, what="the iSCSI target")
    at = ("--mode", "target", "--tid", "1")
    admin("--op", "new", *at, "-T", name)
    for number in range(1, count + 1):
        backing = lab.folder.data / f"lun{number}"
        with backing.open("wb") as file:
            file.truncate(size_mib * MIB)
        unit = ("--mode", "logicalunit", "--tid", "1", "--lun", str(number))
        admin("--op", "new", *unit, "-b", str(backing))
    admin("--op", "bind", *at, "-I", "ALL")
    for server in lab.servers:
        pool = _pool(name, portal, server.name)
        lab.run(["virsh", "pool-define", "/dev/stdin"], server, stdin=pool)
        lab.run(["virsh", "pool-autostart", POOL], server)
        lab.run(["virsh", "pool-start", POOL], server)


def _pool(name: str, portal: str, server: str) -> str:
    return (
        f"<pool type='iscsi-direct'><name>{POOL}</name><source><host name='{portal}'/>"
        f"<device path='{name}'/><initiator><iqn name='{name}-{server}'/></initiator>"
        "</source></pool>"
    )
