"""Throwaway guests: what libvirt would do with a partition, tried without one.

>>> in_turn("channel", lambda name: tried(definition(name, "x86_64")))  # doctest: +SKIP

A guest of 1 MiB without devices. It ends by itself wherever it is, should the console die
meanwhile: it has nothing to boot from, so its firmware reboots it after fifteen seconds, and
libvirt ends what reboots here.
"""

import secrets
from collections.abc import Callable

from lxml import etree

from openlpm.adapters.libvirt.probe_name import PREFIX
from openlpm.adapters.libvirt.xml import Element, to_text

# Only there does the firmware know a time after which it reboots.
ARCHS = ("x86_64", "i686")
_ENDS_AFTER_MS = 15_000
# QEMU writes a log for each name, which stays: so names are few, and taken in turn.
_SLOTS = 8


def in_turn(kind: str, attempt: Callable[[str], str]) -> str:
    """What `attempt` says against it, with a name that nobody uses; "" when it went well."""
    first = secrets.randbelow(_SLOTS)
    for slot in range(first, first + _SLOTS):
        name = f"{PREFIX}{kind}-{slot % _SLOTS}"
        why = attempt(name)
        if not (f"'{name}'" in why and "already" in why):
            return why  # else another console uses this name just now
    return "Too many consoles try the same at once."


def definition(name: str, arch: str, *devices: Element) -> str:
    """The guest's, with these devices."""
    root = etree.Element("domain", type="qemu")
    etree.SubElement(root, "name").text = name
    etree.SubElement(root, "memory", unit="MiB").text = "1"
    system = etree.SubElement(root, "os")
    etree.SubElement(system, "type", arch=arch).text = "hvm"
    etree.SubElement(system, "bios", rebootTimeout=str(_ENDS_AFTER_MS))
    etree.SubElement(root, "on_reboot").text = "destroy"
    holder = etree.SubElement(root, "devices")
    etree.SubElement(holder, "controller", type="usb", model="none")
    etree.SubElement(holder, "memballoon", model="none")
    holder.extend(devices)
    return to_text(root)
