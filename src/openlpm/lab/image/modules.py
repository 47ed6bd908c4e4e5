"""The kernel modules a partition needs, in an order in which `insmod` can load them.

Debian's kernel is modular, and a package holds no `modules.dep` (depmod runs at installation).
But each module names those it depends on in its `.modinfo` section; following these gives the
order, and neither depmod nor modprobe is needed at boot.
"""

import lzma
import re
from dataclasses import dataclass
from pathlib import Path

from openlpm.lab.errors import LabError
from openlpm.lab.image.packages import package_files

DISK = ["virtio_pci", "virtio_scsi", "sd_mod", "virtio_blk", "ext4", "crc32c_generic"]
MACHINE = ["virtio_net", "virtio_console", "virtio_balloon", "virtio_rng", "button", "evdev"]
IN_KERNEL_PACKAGE = re.compile(r"boot/vmlinuz-.*|.*/modules\.builtin|.*\.ko(\.xz)?")


@dataclass(frozen=True)
class Kernel:
    """The boot image, and the modules by name, in load order."""

    image: bytes
    modules: dict[str, bytes]


def depends_on(module: bytes) -> list[str]:
    """The modules that must be loaded before this one."""
    hard = re.search(rb"\0depends=([^\0]*)\0", module)
    names = hard.group(1).decode().split(",") if hard else []
    return [_plain(name) for name in names if name]


def load_order(wanted: list[str], modules: dict[str, bytes], builtin: set[str]) -> dict[str, bytes]:
    """Those wanted and all they depend on, dependencies first."""
    order: dict[str, bytes] = {}

    def visit(name: str) -> None:
        if name in order or name in builtin:
            return
        if name not in modules:
            raise LabError(
                "kernel-module-missing",
                f"Debian's cloud kernel has no module {name}.",
                cause="It is neither in the package nor built into the kernel.",
                remedy="Report this with what `apt-cache policy linux-image-cloud-amd64` says.",
            )
        for other in depends_on(modules[name]):
            visit(other)
        order[name] = modules[name]

    for name in wanted:
        visit(name)
    return order


def read_kernel(deb: Path) -> Kernel:
    """Takes the boot image and the modules in need out of a kernel package."""
    image, builtin, packed = b"", set[str](), dict[str, bytes]()
    for path, _, content in package_files(deb, IN_KERNEL_PACKAGE):
        if path.startswith("boot/"):
            image = content
        elif path.endswith("modules.builtin"):
            builtin = {_plain(Path(line).stem) for line in content.decode().split()}
        else:
            packed[_plain(Path(path).name.split(".")[0])] = content
    plain = _Unpacked(packed)
    return Kernel(image, load_order([*DISK, *MACHINE], plain, builtin))


class _Unpacked(dict[str, bytes]):
    """Modules are unpacked when looked at: there are some thousand, we need twenty."""

    def __getitem__(self, name: str) -> bytes:
        content = super().__getitem__(name)
        return lzma.decompress(content) if content.startswith(b"\xfd7zXZ") else content


def _plain(name: str) -> str:
    """The kernel takes - and _ for the same in a module's name."""
    return name.replace("-", "_")
