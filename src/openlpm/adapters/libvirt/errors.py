"""libvirt's errors in terms of our tree: did nobody answer, or was the answer no?

An error's code does not tell: "connection refused" may be the console's own trouble, or a
source's when it called a target. What tells is whether *our* connection is still alive.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import libvirt

from openlpm.adapters.libvirt.ssh import Trouble
from openlpm.model.certificate import BadCertificate
from openlpm.model.errors import Gone, HypervisorRefused, OpenLpmError, ServerUnreachable

_HINTS = {
    libvirt.VIR_ERR_RESOURCE_BUSY: (
        "lease-held",
        "Something else holds its lease or disk: see where it runs (lpm partition show).",
    ),
    libvirt.VIR_ERR_OPERATION_TIMEOUT: (
        "partition-busy",
        "Another job of it is under way: wait for its end (virsh domjobinfo), then try again. If "
        "it is off and this does not end, libvirtd has kept a job that is over: restart libvirtd "
        "there (partitions run on).",
    ),
    libvirt.VIR_ERR_DOM_EXIST: (
        "name-taken",
        "Choose another name, or delete the one that exists.",
    ),
}


_LARGEST = 2**63 - 1
_LONGEST_SAID = 16_384
"""QEMU repeats a disk's whole definition, name and all; a hostile server would send megabytes."""


def said(error: libvirt.libvirtError) -> str:
    """What libvirt said, as one sentence of printable text: it goes to logs, too."""
    return sentence(error.get_error_message() or str(error))


def sentence(words_from_outside: str) -> str:
    """The same of any words."""
    words = words_from_outside[:_LONGEST_SAID].split()
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(words))
    return text if text.endswith((".", "!", "?")) else f"{text}."


@contextmanager
def ignoring(*codes: int) -> Generator[None]:
    """Let libvirt's errors of these codes pass: what was asked for is so already."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in codes:
            raise


def translated(
    error: libvirt.libvirtError, system: str, doing: str, *, alive: bool
) -> OpenLpmError:
    """`error` in our tree. `doing` completes the sentence "s1 refused to …"."""
    if not alive:
        return unreachable(system, said(error))
    code = error.get_error_code()
    if code == libvirt.VIR_ERR_NO_DOMAIN:
        return Gone(
            "partition-gone",
            f"{system} has no such partition.",
            cause=said(error),
            remedy="See where it is: lpm partition show.",
        )
    short, remedy = _HINTS.get(
        code or 0, ("hypervisor-refused", f"See libvirtd's log on {system}.")
    )
    return HypervisorRefused(
        short, f"{system} refused to {doing}.", cause=said(error), remedy=remedy
    )


def unreadable(system: str, doing: str, error: UnicodeDecodeError) -> HypervisorRefused:
    """libvirt's binding met bytes that are no UTF-8, in an answer or in an error."""
    return HypervisorRefused(
        "answer-unreadable",
        f"{system} was asked to {doing}, and its answer cannot be read.",
        cause=f"It is no UTF-8 text: {error.reason}.",
        remedy=f"Look at its definitions with virsh, and whether {system} can be trusted.",
    )


def whole(figures: Mapping[str, Any], name: str) -> int:
    """A figure of libvirt's typed parameters: whatever the server made of it, a whole number."""
    value = figures.get(name, 0)
    return min(max(value, 0), _LARGEST) if isinstance(value, int) else 0


def untrusted(system: str, bad: BadCertificate) -> ServerUnreachable:
    """The console and a managed system do not trust each other."""
    return ServerUnreachable(
        bad.flaw, f"{system} cannot be reached.", cause=bad.message, remedy=bad.remedy
    )


def barred(system: str, trouble: Trouble) -> ServerUnreachable:
    """ssh does not let the console in."""
    return ServerUnreachable(
        trouble.code, f"{system} cannot be reached.", cause=trouble.cause, remedy=trouble.remedy
    )


def unreachable(system: str, cause: str) -> ServerUnreachable:
    """The console gets no answer from a managed system."""
    return ServerUnreachable(
        "server-unreachable",
        f"{system} does not answer.",
        cause=cause,
        remedy=f"Check that {system} is up, its libvirtd runs and its URI is right "
        "(lpm system show).",
    )
