"""What libvirt's, QEMU's and GnuTLS's words say of a certificate: which flaw, and whose.

libvirt hides why it does not trust the one who answers ("Failed to verify peer's certificate"; the
reason goes to the caller's log). But who answers shows its certificate to everybody, and so to
us: `shown` has OpenSSL judge it, for the name by which the other was called.
"""

import re
import ssl
from dataclasses import dataclass
from socket import create_connection
from urllib.parse import urlsplit

from openlpm.model.certificate import BadCertificate, Flaw

TLS_PORT = 16514
_PATIENCE_S = 2.0
_NOT_SAID = "Failed to verify peer's certificate"
_FLAWS = (
    (Flaw.EXPIRED, re.compile(r"has expired|not yet active")),
    (Flaw.OTHER_HOST, re.compile(r"does not match the hostname")),
    (Flaw.OTHER_CA, re.compile(r"failed validation|known issuer|certificate is not trusted")),
    (Flaw.MISSING, re.compile(r"Unable to access credentials|Cannot read \w+ certificate")),
    (
        Flaw.REFUSED,
        re.compile(r"TLS (channel|handshake|confirmation)|[Ss]erver verification|x509|certificate"),
    ),
)
_OF_CALLER = re.compile(r"[Cc]lient[ -]?(cert|key)|TLS confirmation|[Ss]erver verification")
_OPENSSL = {9: Flaw.EXPIRED, 10: Flaw.EXPIRED, 62: Flaw.OTHER_HOST, 64: Flaw.OTHER_HOST}


@dataclass(frozen=True, slots=True)
class Call:
    """Who called whom, by their names, and which program did."""

    caller: str
    called: str
    program: str


def told(said: str, call: Call) -> BadCertificate | None:
    """What an error's text says of the certificates of a call; None when it is about others."""
    for flaw, pattern in _FLAWS:
        if pattern.search(said):
            owner = call.caller if _OF_CALLER.search(said) else call.called
            return BadCertificate(flaw, owner, call.program, said)
    return None


def bad_daemon(
    said: str, call: Call, place: tuple[str, int] | None, known_as: str
) -> BadCertificate | None:
    """The same of a call to a daemon by the name `known_as`; we find it at `place`."""
    found = told(said, call)
    if found is None or _NOT_SAID not in said or place is None:
        return found
    flaw, why = _shown(place, known_as)
    return BadCertificate(flaw, call.called, call.program, f"{said} {why}")


def tls_place(uri: str) -> tuple[str, int] | None:
    """Host and port of a libvirtd that is called by TLS; None for another way."""
    parts = urlsplit(uri)
    if parts.scheme not in ("qemu", "qemu+tls") or not parts.hostname:
        return None
    return parts.hostname, parts.port or TLS_PORT


def _shown(place: tuple[str, int], known_as: str) -> tuple[Flaw, str]:
    """What is wrong with the certificate shown there, and how we know.

    It is judged as if it were its own authority: what is then still wrong is its dates or names.
    If nothing is, it must be its authority that the caller does not trust.
    """
    try:
        shown = ssl.get_server_certificate(place, timeout=_PATIENCE_S)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=shown)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        with create_connection(place, timeout=_PATIENCE_S) as line:
            context.wrap_socket(line, server_hostname=known_as).close()
    except ssl.SSLCertVerificationError as error:
        return _OPENSSL.get(error.verify_code, Flaw.REFUSED), f"{error.verify_message}."
    except OSError as error:
        return Flaw.REFUSED, f"The console cannot look at it: {error}."
    return Flaw.OTHER_CA, f"It is neither expired nor for another host than {known_as}."
