"""Which way is encrypted, and which is not.

>>> is_plain("qemu+tcp://s1/system"), is_plain("qemu+tls://s1/system")
(True, False)
"""

import re
from urllib.parse import urlsplit

from openlpm.model.system import System

_UNVERIFIED = re.compile(
    r"(^|[&;])(no_verify=(?!0*([&;]|$))|known_hosts_verify=(?!normal([&;]|$)))"
)


def is_plain(uri: str) -> bool:
    """Whoever stands on the way can listen, or pose as the server.

    `no_verify` gives up on knowing who answers, as `known_hosts_verify` does unless it is `normal`;
    what is then encrypted, is so for anybody.
    """
    parts = urlsplit(uri)
    return parts.scheme.endswith("+tcp") or bool(_UNVERIFIED.search(parts.query))


def is_encrypted(source: System, target: System) -> bool:
    """Whether memory is sent by TLS: always, unless the operator gave it up for either."""
    return not (source.insecure or target.insecure)
