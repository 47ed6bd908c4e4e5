"""Reading XML from hosts that we do not trust.

libvirt's XML holds no DTD, no entities and no megabytes; what does is refused. Whatever is wrong
with a text, the caller gets `BadRequest("bad-xml", …)` and nothing else.
"""

from collections.abc import Iterable
from typing import TypeAlias

from lxml import etree

from openlpm.model.errors import BadRequest

__all__ = [
    "MOST_NAME",
    "Element",
    "attribute",
    "bad_xml",
    "child",
    "number",
    "parse",
    "take_out",
    "text",
    "to_text",
]

Element: TypeAlias = etree._Element  # pyright: ignore[reportPrivateUsage]

MOST_BYTES = 4 * 2**20
"""libvirt's own limit for a string in its protocol."""
MOST_TAGS = 100_000
"""The capabilities of a host with 4096 processors have a fifth of it. Reading this many takes a
second; a million, which 4 MiB can hold, would keep a processor and 200 MB busy."""
MOST_ATTRIBUTES = 100
"""Of one element; libvirt's have twenty. lxml takes quadratic time for a list of them: 400 000 in
4 MiB took longer than ten minutes."""
MOST_NAME = 255
"""libvirt keeps a definition in a file of its name."""
_LARGEST = 2**63 - 1


def bad_xml(cause: str) -> BadRequest:
    """The error of this module."""
    return BadRequest(
        "bad-xml",
        "This XML cannot be used.",
        cause=cause,
        remedy="See what libvirt says of it: virsh dumpxml.",
    )


def parse(source: str, root: str) -> Element:
    """The root element, which must be named `root`."""
    if len(source) > MOST_BYTES:
        raise bad_xml(f"It is longer than {MOST_BYTES} characters.")
    if "<!DOCTYPE" in source:
        raise bad_xml("It has a document type declaration.")
    if source.count("<") > MOST_TAGS:
        raise bad_xml(f"It has more than {MOST_TAGS} tags.")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        element = etree.fromstring(source.encode(), parser)
    except (etree.LxmlError, ValueError) as error:
        raise bad_xml(f"{type(error).__name__}: {error}"[:300]) from error
    if element.tag != root:
        raise bad_xml(f"Its root is {str(element.tag)[:60]!r}, not {root!r}.")
    if any(len(each.attrib) > MOST_ATTRIBUTES for each in element.iter()):
        raise bad_xml(f"An element has more than {MOST_ATTRIBUTES} attributes.")
    return element


def to_text(element: Element) -> str:
    """The element as XML."""
    return etree.tostring(element, encoding="unicode", with_tail=False)


def text(parent: Element | None, path: str, default: str = "") -> str:
    """The text of the first child at `path`."""
    found = None if parent is None else parent.findtext(path)
    return default if found is None else found.strip()


def attribute(parent: Element | None, path: str, name: str, default: str = "") -> str:
    """An attribute of the first child at `path` ("." for `parent` itself)."""
    child = None if parent is None else parent.find(path)
    value = None if child is None else child.get(name)
    return default if value is None else value


def child(parent: Element, tag: str) -> Element:
    """The first child of that tag, made where there is none."""
    found = parent.find(tag)
    return etree.SubElement(parent, tag) if found is None else found


def take_out(elements: Iterable[Element]) -> None:
    """Each out of what it is in."""
    for element in elements:
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)


def number(value: str, what: str, default: int = 0, *, most: int = _LARGEST) -> int:
    """A whole number from 0 to `most`; `default` for an empty text."""
    if not value:
        return default
    plain = value.isascii() and value.isdigit() and len(value) < 20
    if not plain or int(value) > most:
        raise bad_xml(f"{value[:40]!r} is no {what}.")
    return int(value)
