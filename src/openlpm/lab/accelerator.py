"""Whether guests may use KVM here: found out by running one, as /dev/kvm alone proves nothing.

In some nested machines /dev/kvm exists, runs a few instructions, and yet hangs or kills a stock
kernel. So the probe boots the kernel that the partitions will have, when it is given one; without,
16 bytes of firmware that leave QEMU through its debug exit. The answer is kept until the machine
is started anew.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from openlpm.lab.image.cache import cache_folder

Accelerator = Literal["kvm", "tcg"]

# At the reset vector, the last 16 bytes of 64 KiB: mov al, 0x21; out 0xf4, al; hlt
_RESET_VECTOR = bytes.fromhex("b021 e6f4 f4").ljust(16, b"\x90")
_FIRMWARE = b"\x90" * (65536 - 16) + _RESET_VECTOR
_DEBUG_EXIT = 0x21 << 1 | 1
# A kernel without a root file system that comes this far has set up memory, timers and tasks.
_NO_ROOT = b"Kernel panic - not syncing: VFS"


def accel(kernel: Path | None = None, *, seconds: float = 8) -> Accelerator:
    """'kvm' when it really runs guests (this kernel, if given), 'tcg' otherwise."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    note = _note(kernel)
    try:
        return json.loads(note.read_text())["accelerator"]
    except (OSError, ValueError, LookupError):
        works = _runs_firmware(seconds) and (kernel is None or _boots(kernel, seconds))
    answer: Accelerator = "kvm" if works else "tcg"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"accelerator": answer}))
    return answer


def _note(kernel: Path | None) -> Path:
    """Where the answer is kept: for this boot of the machine and this kernel."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    facts = [boot]
    if kernel is not None:
        about = kernel.stat()
        facts += [str(kernel.resolve()), str(about.st_mtime_ns), str(about.st_size)]
    key = hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]
    return cache_folder() / f"accelerator-{key}.json"


def _runs_firmware(seconds: float) -> bool:
    with tempfile.NamedTemporaryFile() as firmware:
        firmware.write(_FIRMWARE)
        firmware.flush()
        debug_exit = "isa-debug-exit,iobase=0xf4,iosize=0x04"
        code, _ = _qemu(["-bios", firmware.name, "-device", debug_exit], seconds)
    return code == _DEBUG_EXIT


def _boots(kernel: Path, seconds: float) -> bool:
    line = "console=ttyS0 panic=-1"
    argv = ["-kernel", str(kernel), "-append", line, "-serial", "stdio", "-m", "256"]
    _, printed = _qemu(argv, seconds)
    return _NO_ROOT in printed


def _qemu(argv: list[str], seconds: float) -> tuple[int | None, bytes]:
    """Exit code (None: it hung) and output of a small guest under KVM."""
    base = ["qemu-system-x86_64", "-accel", "kvm", "-nodefaults", "-no-reboot", "-display", "none"]
    try:
        done = subprocess.run(
            [*base, *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return None, error.stdout or b""
    except OSError:
        return None, b""
    return done.returncode, done.stdout
