"""A partition's profiles, in its `<metadata>` beside our mark.

    <openlpm-profiles:profiles xmlns:openlpm-profiles="urn:openlpm:profiles:1">
      {"current": "default", "profiles": [{"name": "default", "memory": {…}, …}]}
    </openlpm-profiles:profiles>

So they travel with every move, any console can read them, and no console's database is needed. The
text is the document of `model/profile_document.py` as JSON. An element of its own: a mark that is
written anew leaves it alone, and damage to one does not hide the other.
"""

import json

from lxml import etree

from openlpm.adapters.libvirt.metadata import put_element
from openlpm.adapters.libvirt.xml import Element, to_text
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.profile import Profiles
from openlpm.model.profile_document import document, read_profiles

NAMESPACE = "urn:openlpm:profiles:1"
PREFIX = "openlpm-profiles"
MOST_BYTES = 512 * 1024
"""Of all profiles: what may be kept (32 of 128 adapters with usual names) and no megabytes."""
_ELEMENT = f"{{{NAMESPACE}}}profiles"


def profiles_element(profiles: Profiles) -> Element:
    """As XML. Raises `BadRequest` where they are too long to be kept."""
    text = json.dumps(document(profiles), ensure_ascii=False)
    element = etree.Element(_ELEMENT, nsmap={PREFIX: NAMESPACE})
    element.text = text
    size = len(to_text(element).encode())
    if size > MOST_BYTES:
        raise BadRequest(
            "profiles-too-long",
            "These profiles cannot be kept.",
            cause=f"They have {size} bytes of XML, {MOST_BYTES} are the most.",
            remedy="Keep fewer profiles, or fewer adapters in them.",
        )
    return element


def read_kept(domain: Element) -> Profiles | None:
    """Those of a domain; None where none are kept. Raises `Conflict` where they are damaged."""
    elements = domain.findall(f"metadata/{_ELEMENT}")
    if not elements:
        return None
    text = elements[0].text or ""
    if len(elements) > 1 or len(elements[0]) or len(text.encode()) > MOST_BYTES:
        raise _damaged("There is more in the metadata than one text of theirs.")
    try:
        return read_profiles(json.loads(text, parse_constant=_no_number))
    except BadRequest as error:
        raise _damaged(error.cause) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(f"They are no JSON: {type(error).__name__}.") from error


def are_kept(domain: Element) -> bool:
    """There are some, damaged ones too."""
    return domain.find(f"metadata/{_ELEMENT}") is not None


def put(domain: Element, profiles: Profiles) -> None:
    """Into a definition, in place of those it had."""
    put_element(domain, profiles_element(profiles))


def _no_number(name: str) -> None:
    raise ValueError(name)


def _damaged(cause: str) -> Conflict:
    return Conflict(
        "profiles-damaged",
        "The partition's profiles cannot be read.",
        cause=cause,
        remedy="Write them anew: lpm profile import (docs/profiles.md shows a file).",
    )
