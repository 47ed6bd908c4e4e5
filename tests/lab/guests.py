"""A tiny partition for lab tests: QEMU's firmware, looking for something to boot from."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from openlpm.lab import Lab, LabServer
from openlpm.lab.configuration import LEASE_FOLDER, LEASE_POOL, LOCKSPACE


def virsh(
    lab: Lab, server: LabServer, *argv: str, stdin: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """virsh as the console would: from outside, over the management network."""
    return lab.run(["virsh", "-c", server.uri, *argv], stdin=stdin, check=check)


def make_lease(lab: Lab, server: LabServer, name: str) -> None:
    """A lease file, made through libvirt alone: a volume of the pool in the lockspace."""
    virsh(lab, server, "vol-create-as", LEASE_POOL, name, "0")


def start(lab: Lab, server: LabServer, name: str, *, check: bool = True) -> str:
    """Start the guest; what libvirt said against it otherwise."""
    xml = f"""<domain type='qemu'>
      <name>{name}</name><memory unit='MiB'>32</memory>
      <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>
      <cpu mode='custom'><model>qemu64</model></cpu>
      <devices>
        <interface type='network'><source network='guest'/></interface>
        <lease><lockspace>{LOCKSPACE}</lockspace><key>{name}</key>
          <target path='{LEASE_FOLDER}'/></lease>
      </devices></domain>"""
    return virsh(lab, server, "create", "/dev/stdin", stdin=xml, check=check).stderr


def running(lab: Lab, server: LabServer) -> list[str]:
    """The guests that libvirt lists as running there."""
    return virsh(lab, server, "list", "--name").stdout.split()


def move(lab: Lab, name: str, source: LabServer, target: LabServer) -> None:
    """virsh's own peer-to-peer live migration."""
    virsh(lab, source, "migrate", name, "--live", "--p2p", target.peer_uri)


@contextmanager
def leased_guest(lab: Lab, name: str, server: LabServer) -> Iterator[str]:
    """A running guest with a lease; gone afterwards from all servers."""
    make_lease(lab, server, name)
    try:
        start(lab, server, name)
        yield name
    finally:
        for one in lab.servers:
            virsh(lab, one, "destroy", name, check=False)
        virsh(lab, server, "vol-delete", name, LEASE_POOL, check=False)
