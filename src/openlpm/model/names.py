"""Names and addresses from outside, checked at the edge.

Everything that a user types passes one of these functions exactly once, in `engine/console.py`.
They return the value unchanged or raise `BadRequest` naming the value and the rule.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit
from uuid import UUID

from openlpm.model.errors import BadRequest

NAME_RULE = "1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_SCHEMES = ("qemu", "qemu+unix", "qemu+ssh", "qemu+libssh2", "qemu+tls", "qemu+tcp")
# Not `command` or `netcat`: libvirt would run what they name.
_PARAMETERS = {
    *("keyfile", "known_hosts", "known_hosts_verify", "no_tty", "no_verify", "pkipath"),
    *("sshauth", "socket", "mode", "tls_priority"),
}
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9.:_-]{1,253}\Z")


def checked_name(what: str, text: str) -> str:
    """Return `text` if it may name a `what` (a system, a partition, a chassis)."""
    if not _NAME.match(text):
        raise BadRequest(
            "bad-name",
            f"{text!r} cannot be the name of a {what}.",
            remedy=f"A name is {NAME_RULE}.",
        )
    return text


def checked_uri(text: str) -> str:
    """Return `text` if it is a libvirt connection URI of a QEMU host."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise _bad_uri(text, f"It is no URI: {error}.") from error
    if any(c.isspace() or not c.isprintable() for c in text):
        raise _bad_uri(text, "It contains blanks or control characters.")
    if parts.scheme not in _SCHEMES:
        raise _bad_uri(text, f"Its scheme is not one of {', '.join(_SCHEMES)}.")
    if parts.path not in ("/system", "/session"):
        raise _bad_uri(text, "Its path is neither /system nor /session.")
    if parts.netloc.split("@")[-1].startswith("-"):
        raise _bad_uri(text, "Its host begins with '-', which ssh would take for an option.")
    strange = {
        pair.partition("=")[0] for pair in re.split("[&;]", parts.query) if pair
    } - _PARAMETERS
    if strange:
        raise _bad_uri(text, f"Its parameters {', '.join(sorted(strange))} are not allowed.")
    return text


def _bad_uri(text: str, cause: str) -> BadRequest:
    return BadRequest(
        "bad-uri",
        f"{text!r} cannot be a managed system's connection URI.",
        cause=cause,
        remedy="Give one such as qemu+ssh://root@server/system or qemu+tls://server/system.",
    )


def checked_address(what: str, text: str) -> str:
    """Return `text` if it is a host name or an IP address, without port."""
    if not _ADDRESS.match(text):
        raise BadRequest(
            "bad-address",
            f"{text!r} cannot be the {what}.",
            remedy="Give a host name or an IP address.",
        )
    return text


def checked_mac(text: str) -> str:
    """Return `text` if it is the MAC address of one adapter: six bytes, none for a group."""
    if not _MAC.match(text) or int(text[:2], 16) & 1 or not text.strip("0:"):
        raise BadRequest(
            "bad-mac",
            f"{text!r} cannot be an adapter's MAC address.",
            cause="It is six bytes such as 52:54:00:12:34:56; the first is even, not all are 0.",
            remedy="Give another, or none: then one is chosen.",
        )
    return text


def checked_unlike(what: str, texts: Iterable[str]) -> None:
    """Raise when one of `texts` is there twice, in whatever case; empty ones do not count."""
    seen: set[str] = set()
    for text in filter(None, texts):
        if text.lower() in seen:
            raise BadRequest(
                "given-twice",
                f"{what} {text!r} is given twice.",
                remedy="Give it once.",
            )
        seen.add(text.lower())


def checked_range(what: str, value: float, low: float, high: float) -> None:
    """Raise unless low <= value <= high."""
    if not low <= value <= high:
        raise BadRequest(
            "out-of-range",
            f"{what} is {value:g}.",
            cause=f"It must lie between {low:g} and {high:g}.",
            remedy="Give a value in that range.",
        )


def as_uuid(text: str) -> str | None:
    """The canonical form of a UUID, or None when `text` is not one."""
    try:
        return str(UUID(text)) if len(text) in (32, 36) else None
    except ValueError:
        return None
