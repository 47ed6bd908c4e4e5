"""A server of the lab whose QEMUs do not run as root, as on most servers.

The kernel then refuses them what post-copy takes, unless it is allowed for all its users: that is
`vm.unprivileged_userfaultfd`, of the whole machine, which no test may change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openlpm.lab import Lab

_ALLOWED = Path("/proc/sys/vm/unprivileged_userfaultfd")


@contextmanager
def unprivileged_qemu(lab: Lab, server: str) -> Iterator[None]:
    """QEMUs that start there meanwhile; libvirtd is killed, and started again, for it."""
    if _ALLOWED.read_text().strip() != "0":
        pytest.skip("this machine allows userfaultfd to everybody")
    _run_as(lab, server, "nobody", "nogroup")
    try:
        yield
    finally:
        _run_as(lab, server, "root", "root")


def _run_as(lab: Lab, server: str, user: str, group: str) -> None:
    edit = f's/^user = .*/user = "{user}"/; s/^group = .*/group = "{group}"/'
    lab.run(["sed", "-i", edit, "/etc/libvirt/qemu.conf"], server)
    lab.kill_libvirtd(server)
    lab.start_libvirtd(server)
    # For another user libvirt learns anew what each QEMU can do, which takes it some seconds.
    lab.run(["virsh", "domcapabilities"], server)
