"""Names and addresses from outside, checked at the edge.

Everything that a user types passes one of these functions exactly once, in `engine/console.py`.
They return the value unchanged or raise `BadRequest` naming the value and the rule.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address
from urllib.parse import urlsplit
from uuid import UUID

from openlpm.model.errors import BadRequest
from openlpm.model.spoken import PLAIN

NAME_RULE = "1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit"
_SCHEMES = ("qemu", "qemu+unix", "qemu+ssh", "qemu+libssh2", "qemu+tls", "qemu+tcp")
# Not `command` or `netcat`: libvirt would run what they name, here or there.
_PARAMETERS = {
    *("keyfile", "known_hosts", "known_hosts_verify", "no_tty", "no_verify", "pkipath"),
    *("sshauth", "socket", "mode", "proxy", "tls_priority"),
}
# libvirt would drop them without a word: the program ssh has its own files and its own order.
_NOT_FOR_SSH = {"known_hosts", "known_hosts_verify", "sshauth", "pkipath", "tls_priority"}
# Plain words only: libvirt takes %2D for '-', ssh expands user and host into shell commands of its
# configuration, and the other end's shell is given the path of the socket.
_PLACE = re.compile(
    r"([A-Za-z0-9_][A-Za-z0-9._-]{0,63}@)?"
    r"([A-Za-z0-9][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])?(:[0-9]{1,5})?\Z"
)
_VALUE = re.compile(r"([A-Za-z0-9/._~:+=!,@][A-Za-z0-9/._~:+=!,@-]*)?\Z")
_LONGEST_URI = 1024
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}\Z")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}\Z")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}\Z")
_LONGEST_SHOWN = 80


def checked_name(what: str, text: str) -> str:
    """Return `text` if it may name a `what` (a system, a partition, a chassis)."""
    if not PLAIN.match(text):
        raise BadRequest(
            "bad-name",
            f"{_shown(text)} cannot be the name of a {what}.",
            remedy=f"A name is {NAME_RULE}.",
        )
    return text


def checked_uri(text: str) -> str:
    """Return `text` if it is a libvirt connection URI of a QEMU host."""
    if len(text) > _LONGEST_URI:
        raise _bad_uri(text, f"It is longer than {_LONGEST_URI} characters.")
    if any(c.isspace() or not c.isprintable() or c == "#" for c in text):
        raise _bad_uri(text, "It contains '#', blanks or control characters.")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise _bad_uri(text, f"It is no URI: {error}.") from error
    if parts.scheme not in _SCHEMES:
        raise _bad_uri(text, f"Its scheme is not one of {', '.join(_SCHEMES)}.")
    if parts.path not in ("/system", "/session"):
        raise _bad_uri(text, "Its path is neither /system nor /session.")
    if not _PLACE.match(parts.netloc):
        raise _bad_uri(text, "Its user, host or port holds what could be an option or a command.")
    given = [pair.partition("=") for pair in re.split("[&;]", parts.query) if pair]
    unknown = _NOT_FOR_SSH if parts.scheme == "qemu+ssh" else set[str]()
    allowed = _PARAMETERS - unknown
    strange = {name for name, _, value in given if name not in allowed or _is_odd(value)}
    if strange:
        named = ", ".join(sorted(strange))
        raise _bad_uri(text, f"Its parameters {named} are not allowed{_why(strange, unknown)}.")
    return text


def _why(strange: set[str], unknown: set[str]) -> str:
    if strange <= unknown:
        return ": ssh knows its hosts by ~/.ssh/known_hosts, and of the rest nothing"
    return ": libvirt would run what they name" if strange & {"command", "netcat"} else ""


def _is_odd(value: str) -> bool:
    return not _VALUE.match(value)


def _shown(text: str) -> str:
    """As it is told in errors: a name from outside may be a megabyte."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…")


def _bad_uri(text: str, cause: str) -> BadRequest:
    return BadRequest(
        "bad-uri",
        f"{_shown(text)} cannot be a managed system's connection URI.",
        cause=cause,
        remedy="Give one such as qemu+ssh://root@server/system or qemu+tls://server/system.",
    )


def checked_address(what: str, text: str) -> str:
    """Return `text` if it is a host name or an IP address, without port."""
    if not _HOST.match(text) and not _is_ipv6(text):
        raise BadRequest(
            "bad-address",
            f"{_shown(text)} cannot be the {what}.",
            remedy="Give a host name or an IP address.",
        )
    return text


def _is_ipv6(text: str) -> bool:
    try:
        return bool(_IPV6.match(text) and IPv6Address(text))
    except ValueError:
        return False


def checked_mac(text: str) -> str:
    """Return `text` if it is the MAC address of one adapter: six bytes, none for a group."""
    if not _MAC.match(text) or int(text[:2], 16) & 1 or not text.strip("0:"):
        raise BadRequest(
            "bad-mac",
            f"{_shown(text)} cannot be an adapter's MAC address.",
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
                f"{what} {_shown(text)} is given twice.",
                remedy="Give it once.",
            )
        seen.add(text.lower())


def checked_range(what: str, value: float, low: float, high: float) -> None:
    """Raise unless low <= value <= high."""
    if not low <= value <= high:
        raise BadRequest(
            "out-of-range",
            f"{what} is {_figure(value)}.",
            cause=f"It must lie between {low:g} and {high:g}.",
            remedy="Give a value in that range.",
        )


def _figure(value: float) -> str:
    try:
        return f"{value:g}"
    except OverflowError:  # a whole number of hundreds of digits, which JSON may hold
        return "too large a number"


def as_uuid(text: str) -> str | None:
    """The canonical form of a UUID, or None when `text` is not one."""
    try:
        return str(UUID(text)) if len(text) in (32, 36) else None
    except ValueError:
        return None
