"""A raw disk that a BIOS can boot, made of plain files: no mount, no loop device, no root needed.

    sector 0      syslinux's boot code and the partition table
    1 MiB         partition 1, FAT: syslinux, its configuration, kernel and initramfs
    33 MiB        partition 2, ext4, labelled lpm-root: the root file system, and /data

Each step is one ordinary tool on a file; the result is sparse.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from openlpm.lab.errors import LabError

MIB = 1 << 20
BOOT_START, BOOT_SIZE = 1 * MIB, 32 * MIB
ROOT_START, ROOT_SIZE = 33 * MIB, 222 * MIB
DISK_SIZE = 256 * MIB
ROOT_LABEL = "lpm-root"
BOOT_CODE = Path("/usr/lib/syslinux/mbr/mbr.bin")
# The tools of the administrator are not in an ordinary user's path.
TOOLS_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True)
class BootFiles:
    kernel: bytes
    initrd: bytes
    command_line: str
    syslinux_cfg: str


def run_tool(*words: str | Path, stdin: str | None = None, good: tuple[int, ...] = (0,)) -> str:
    """Runs a tool of Debian's; its complaint becomes the error's cause."""
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "PATH": TOOLS_PATH, "LC_ALL": "C", "MTOOLS_SKIP_CHECK": "1"},
        )  # fmt: skip
    except FileNotFoundError as error:
        raise LabError(
            "tool-missing",
            f"{words[0]} is not installed.",
            cause=str(error),
            remedy="Run `make env`, which installs what the lab needs.",
        ) from error
    if done.returncode not in good:
        raise LabError(
            "tool-failed",
            f"{words[0]} failed ({done.returncode}).",
            cause=(done.stderr or done.stdout).strip()[-500:],
            remedy="See whether the disk is full: `df -h`; else report this.",
        )
    return done.stdout


def make_disk(disk: Path, work: Path, boot: BootFiles, tree: Path) -> None:
    """Writes the disk; `work` is an empty folder for what is needed on the way."""
    with disk.open("wb") as file:
        file.truncate(DISK_SIZE)
    sectors = [
        f"start={BOOT_START // 512}, size={BOOT_SIZE // 512}, type=e, bootable",
        f"start={ROOT_START // 512}, size={ROOT_SIZE // 512}, type=83",
    ]
    run_tool("sfdisk", "-q", "--no-reread", disk, stdin="label: dos\n" + "\n".join(sectors) + "\n")
    fat = _boot_partition(work, boot)
    with disk.open("r+b") as file:
        file.write(BOOT_CODE.read_bytes()[:440])
    _copy_sparse(fat, disk, BOOT_START)
    # No lazy initialisation: the kernel would do in the background what we can do now.
    run_tool(
        "mke2fs", "-q", "-F", "-t", "ext4", "-L", ROOT_LABEL, "-m", "0", "-N", "2048",
        "-J", "size=4",
        "-E", f"offset={ROOT_START},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0",
        "-d", tree, disk, f"{ROOT_SIZE // 1024}k",
    )  # fmt: skip


def _boot_partition(work: Path, boot: BootFiles) -> Path:
    fat = work / "boot.fat"
    with fat.open("wb") as file:
        file.truncate(BOOT_SIZE)
    # -h: the BIOS reads from the start of the disk, so the boot sector must know where it is.
    run_tool("mkfs.vfat", "-F", "16", "-n", "LPM-BOOT", "-h", str(BOOT_START // 512), fat)
    run_tool("syslinux", "--install", fat)
    files = {
        "vmlinuz": boot.kernel,
        "initrd": boot.initrd,
        "syslinux.cfg": boot.syslinux_cfg.replace("@CMDLINE@", boot.command_line).encode(),
    }
    for name, content in files.items():
        (work / name).write_bytes(content)
        run_tool("mcopy", "-i", fat, work / name, f"::/{name}")
    return fat


def _copy_sparse(source: Path, target: Path, offset: int) -> None:
    """Copies to a place in a file full of zeroes, leaving holes where nothing is."""
    with source.open("rb") as read, target.open("r+b") as write:
        while block := read.read(MIB // 4):
            if block.strip(b"\0"):
                write.seek(offset)
                write.write(block)
            offset += len(block)
