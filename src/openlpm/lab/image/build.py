"""Puts a partition's disk together: packages, our service, initramfs, root file system, disk.

The guest is a real Linux partition cut down to what a move can show: Debian's cloud kernel,
busybox as init and shell, Debian's qemu-guest-agent with its libraries, and our service. There is
a root shell on the serial console and no password: a lab's partition, not to be used elsewhere.
"""

import re
import stat
import tempfile
import zlib
from importlib.resources import files
from pathlib import Path

from openlpm.lab.image import cpio
from openlpm.lab.image.disk import BootFiles, make_disk, run_tool
from openlpm.lab.image.modules import Kernel, read_kernel
from openlpm.lab.image.packages import (
    AGENT,
    SHELL,
    Choice,
    fetch_packages,
    package_files,
)

# mitigations=off: nothing secret runs here, and emulated processors pay dearly for them.
COMMAND_LINE = (
    "console=tty0 console=ttyS0,115200 quiet loglevel=4 mitigations=off audit=0 "
    "i8042.nopnp i8042.noaux random.trust_cpu=on panic=5"
)
LIBRARIES = re.compile(r"usr/lib(64)?/([a-z0-9_]+-linux-gnu/)?[^/]+\.so(\.[^/]*)?")
AGENT_PROGRAM = re.compile(r"usr/sbin/qemu-ga")
BUSYBOX = re.compile(r"usr/bin/busybox")
FOLDERS = """
    usr/bin usr/sbin usr/lib usr/lib64 etc/acpi/PWRF dev proc sys run tmp root var/log data
"""
PLACES = {
    "rc": "etc/rc",
    "rc.stop": "etc/rc.stop",
    "agent": "etc/agent",
    "inittab": "etc/inittab",
    "shutdown": "usr/sbin/shutdown",
    "power-button": "etc/acpi/PWRF/00000080",
    "os-release": "etc/os-release",
}
GUEST = files("openlpm.lab.image") / "guest"


def guest_sources() -> dict[str, bytes]:
    """Everything in guest/: the C sources, and the scripts and settings of the root file system."""
    return {item.name: item.read_bytes() for item in GUEST.iterdir() if item.is_file()}


def build_image(choice: Choice, suite: str, target: Path) -> None:
    """Writes disk.raw, vmlinuz and initrd into the folder `target`."""
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        work = Path(name)
        (work / "debs").mkdir()
        debs = fetch_packages(choice, work / "debs")
        kernel = read_kernel(next(debs[name] for name in debs if name.startswith("linux-image-")))
        busybox = next(content for _, _, content in package_files(debs[SHELL], BUSYBOX))
        initrd = make_initramfs(kernel, busybox)
        tree = work / "root"
        _make_tree(tree, busybox, suite)
        for deb in debs.values():
            _add_files(tree, deb, LIBRARIES)
        _add_files(tree, debs[AGENT], AGENT_PROGRAM)
        compile_service(tree / "usr/sbin/service", work)
        boot = BootFiles(
            kernel.image, initrd, COMMAND_LINE, guest_sources()["syslinux.cfg"].decode()
        )
        make_disk(target / "disk.raw", work, boot, tree)
        (target / "vmlinuz").write_bytes(kernel.image)
        (target / "initrd").write_bytes(initrd)


def make_initramfs(kernel: Kernel, busybox: bytes) -> bytes:
    """The first file system: a shell, the modules, and a script that finds the disk."""
    order = "".join(f"{name}.ko\n" for name in kernel.modules)
    modules = [cpio.Entry(f"modules/{name}.ko", code) for name, code in kernel.modules.items()]
    applets = ["sh", "mount", "insmod", "findfs", "usleep", "switch_root", "echo"]
    whole = cpio.archive(
        [
            *map(cpio.folder, ["bin", "dev", "proc", "sys", "root", "modules"]),
            cpio.Entry("dev/console", mode=stat.S_IFCHR | 0o600, device=(5, 1)),
            cpio.program("init", guest_sources()["initramfs-init"]),
            cpio.program("bin/busybox", busybox),
            *(cpio.link(f"bin/{applet}", "busybox") for applet in applets),
            cpio.Entry("modules/order", order.encode()),
            *modules,
        ]
    )
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)  # 31: with gzip's head, which holds no time
    return packer.compress(whole) + packer.flush()


def _make_tree(tree: Path, busybox: bytes, suite: str) -> None:
    """Folders, busybox and our scripts."""
    for folder in FOLDERS.split():
        (tree / folder).mkdir(parents=True)
    for name in ["bin", "sbin", "lib", "lib64"]:
        (tree / name).symlink_to(f"usr/{name}")
    _write(tree / "usr/bin/busybox", busybox)
    applets = run_tool(tree / "usr/bin/busybox", "--list").split()
    for applet in applets:
        if not (tree / "usr/bin" / applet).exists():
            (tree / "usr/bin" / applet).symlink_to("busybox")
    for applet in ["init", "hwclock"]:  # the kernel, and the agent's guest-set-time, look here
        (tree / "usr/sbin" / applet).symlink_to("../bin/busybox")
    sources = guest_sources()
    for source, place in PLACES.items():
        _write(tree / place, sources[source].replace(b"@SUITE@", suite.encode()))
    _write(tree / "etc/passwd", b"root::0:0:root:/root:/bin/sh\n")
    _write(tree / "etc/group", b"root:x:0:\n")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o755)


def _add_files(tree: Path, deb: Path, wanted: re.Pattern[str]) -> None:
    for path, member, content in package_files(deb, wanted):
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if member.issym():
            place.symlink_to(member.linkname)
        else:
            _write(place, content)


def compile_service(target: Path, work: Path) -> None:
    """A static program needs nothing of the guest, and starts at once."""
    sources: list[Path] = []
    for name, content in guest_sources().items():
        if name.endswith((".c", ".h")):
            (work / name).write_bytes(content)
            sources += [work / name] if name.endswith(".c") else []
    run_tool(
        "gcc", "-static", "-Os", "-s", "-std=gnu11", "-Wall", "-Wextra", "-o", target, *sources
    )
