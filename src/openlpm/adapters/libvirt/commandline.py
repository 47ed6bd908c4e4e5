"""QEMU's own arguments in a definition, for what libvirt has no words for."""

from collections.abc import Callable

from lxml import etree

from openlpm.adapters.libvirt.xml import Element

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def add_arguments(domain: Element, *words: str) -> None:
    """Give them to its QEMU, after libvirt's."""
    line = etree.SubElement(domain, f"{{{_QEMU}}}commandline", nsmap={"qemu": _QEMU})
    for word in words:
        etree.SubElement(line, f"{{{_QEMU}}}arg", value=word)


def arguments(domain: Element) -> list[str]:
    """All that are added in a definition."""
    return [word.get("value") or "" for word in _all(domain)]


def change_arguments(domain: Element, change: Callable[[str], str]) -> None:
    """Each to what `change` makes of it."""
    for word in _all(domain):
        word.set("value", change(word.get("value") or ""))


def _all(domain: Element) -> list[Element]:
    return domain.findall(f"{{{_QEMU}}}commandline/{{{_QEMU}}}arg")
