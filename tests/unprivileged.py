"""A server of the lab whose QEMUs do not run as root, as on most servers.

The kernel then refuses them what post-copy takes, unless it is allowed for all its users: that is
`vm.unprivileged_userfaultfd`, of the whole machine, which no test may change.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openlpm.lab import Lab

_ALLOWED = Path("/proc/sys/vm/unprivileged_userfaultfd")


@contextmanager
def unprivileged_qemu(lab: Lab, server: str) -> Generator[None]:
    """QEMUs that start there meanwhile; libvirtd is killed, and started again, for it."""
    if _ALLOWED.read_text().strip() != "0":
        pytest.skip("this machine allows userfaultfd to everybody")
    _run_as(lab, server, "nobody", _group())
    try:
        yield
    finally:
        _run_as(lab, server, "root", "root")


def _group() -> str:
    """One that may use KVM, as QEMU's user usually may.

    libvirt 9.0 learns anew at each call what a QEMU can do whose user sees KVM, and may not use it.
    """
    device = Path("/dev/kvm")
    return f"+{device.stat().st_gid}" if device.exists() else "nogroup"


def _run_as(lab: Lab, server: str, user: str, group: str) -> None:
    edit = f's/^user = .*/user = "{user}"/; s/^group = .*/group = "{group}"/'
    lab.run(["sed", "-i", edit, "/etc/libvirt/qemu.conf"], server)
    lab.kill_libvirtd(server)
    lab.start_libvirtd(server)
    # For another user libvirt learns anew what each QEMU can do. Until then it answers nobody.
    lab.run(["virsh", "capabilities"], server, timeout=120)
