"""Memory that QEMU forgets to send under software emulation, and the size that prevents it.

While memory is sent, QEMU notes which pages are written meanwhile. When it takes that note for
memory whose size is a multiple of 256 KiB, it does so in bulk, and up to 7.2 (not in 10.0) forgets
to tell the emulated processor's TLB. A page that stays in the TLB and is written again is then not
sent again: the guest runs on at the target with an old copy of it, and crashes sooner or later.
Seen under network traffic: 4 kernel panics in 24 moves of ours, and some with virsh alone; none in
64 moves with the guard below. KVM tracks writes in another way.

libvirt rounds memory to whole MiB, so the guard goes by QEMU's own arguments: 8 KiB more, for which
QEMU takes the slower way, page by page, which does tell the TLB.
"""

import re

from openlpm.adapters.libvirt.commandline import add_arguments, arguments, change_arguments
from openlpm.adapters.libvirt.xml import Element
from openlpm.model.hardware import EMULATION_MENDED_IN

_BACKEND = "openlpm.guarded"
_EXTRA_KIB = 8
_SIZE = re.compile(r"size=\d+k$")


def is_needed(hypervisor: str, version: int) -> bool:
    """Whether a partition defined under this QEMU needs the guard."""
    return hypervisor == "qemu" and version < EMULATION_MENDED_IN


def guard(domain: Element, memory_mib: int) -> None:
    """Add the guard to a definition."""
    add_arguments(domain, *_words(memory_mib))


def resize(domain: Element, memory_mib: int) -> None:
    """Let the guard of a definition that has it fit another size of memory."""
    if is_guarded(domain):
        fitting = {_SIZE.sub("size=", word): word for word in _words(memory_mib)}
        change_arguments(domain, lambda word: fitting.get(_SIZE.sub("size=", word), word))


def _words(memory_mib: int) -> tuple[str, ...]:
    size_kib = memory_mib * 1024 + _EXTRA_KIB
    return (
        *("-object", f"memory-backend-ram,id={_BACKEND},size={size_kib}k"),
        *("-machine", f"memory-backend={_BACKEND}"),
        *("-m", f"size={size_kib}k"),
    )


def is_guarded(domain: Element) -> bool:
    """The definition has the guard."""
    return f"memory-backend={_BACKEND}" in arguments(domain)
