"""Throwaway guests: what libvirt would do with a partition, tried without one.

>>> in_turn("channel", lambda name: tried(definition(name, "x86_64")))  # doctest: +SKIP

A guest of 1 MiB without devices. It ends by itself wherever it is, should the console die
meanwhile: it has nothing to boot from, so its firmware reboots it after fifteen seconds, and
libvirt ends what reboots here.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress

import libvirt
from lxml import etree

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import said
from openlpm.adapters.libvirt.probe_name import PREFIX
from openlpm.adapters.libvirt.xml import Element, to_text
from openlpm.model.errors import HypervisorRefused

# Only there does the firmware know a time after which it reboots.
ARCHS = ("x86_64", "i686")
_ENDS_AFTER_MS = 15_000
# QEMU writes a log for each name, which stays: so names are few, and taken in turn.
_SLOTS = 8
_PATIENCE_S = 12.0
_PAUSED = libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY


def in_turn(kind: str, attempt: Callable[[str], str]) -> str:
    """What `attempt` says against it, with a name that nobody uses; "" when it went well."""
    first = secrets.randbelow(_SLOTS)
    for slot in range(first, first + _SLOTS):
        name = f"{PREFIX}{kind}-{slot % _SLOTS}"
        why = attempt(name)
        if not (f"'{name}'" in why and "already" in why):
            return why  # else another console uses this name just now
    return "Too many consoles try the same at once."


def tried_paused(
    connection: Connection,
    kind: str,
    definition: Callable[[str], Element],
    objection: Callable[[libvirt.virDomain], str],
) -> str:
    """What libvirt says against starting one, paused, or `objection` to it then; "" for nothing.

    Raises `HypervisorRefused` where it cannot be tried.
    """
    with connection.apart() as line:
        try:
            return line.ask(
                f"try a throwaway guest ({kind})",
                lambda: in_turn(kind, lambda name: _trouble(line, definition(name), objection)),
                seconds=_PATIENCE_S,
                itself=True,
            )
        except HypervisorRefused:
            line.close()  # it ends the throwaway, and nobody else shall wait behind a call
            raise


def _trouble(line: Connection, root: Element, objection: Callable[[libvirt.virDomain], str]) -> str:
    try:
        guest = line.raw.createXML(to_text(root), _PAUSED)
    except libvirt.libvirtError as error:
        if not line.alive:
            raise
        return said(error)
    try:
        return objection(guest)
    finally:
        with suppress(libvirt.libvirtError):
            guest.destroy()


def definition(name: str, arch: str, *devices: Element) -> str:
    """The guest's, with these devices."""
    root, holder = skeleton(name, arch)
    etree.SubElement(root.findall("os")[0], "bios", rebootTimeout=str(_ENDS_AFTER_MS))
    etree.SubElement(root, "on_reboot").text = "destroy"
    holder.extend(devices)
    return to_text(root)


def skeleton(name: str, arch: str) -> tuple[Element, Element]:
    """Of a guest that is never to run: its definition, and the devices in it."""
    root = etree.Element("domain", type="qemu")
    etree.SubElement(root, "name").text = name
    etree.SubElement(root, "memory", unit="MiB").text = "1"
    etree.SubElement(etree.SubElement(root, "os"), "type", arch=arch).text = "hvm"
    devices = etree.SubElement(root, "devices")
    etree.SubElement(devices, "controller", type="usb", model="none")
    etree.SubElement(devices, "memballoon", model="none")
    return root, devices
