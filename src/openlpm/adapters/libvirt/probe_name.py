"""Names of our short-lived probe domains, by which every look at a server leaves them out.

    openlpm-probe-call-65f0c2a4-1b2c      made at 0x65f0c2a4 seconds, to call a peer

The time is there for the case that a console dies half way: whoever probes next removes what is
older than any probe can be.
"""

import re
import secrets
import time

PREFIX = "openlpm-probe-"
OLD_S = 600
_STAMP = re.compile(rf"{PREFIX}call-([0-9a-f]{{1,16}})-[0-9a-f]+\Z")


def is_probe(name: str) -> bool:
    """It is one of ours, of whichever console."""
    return name.startswith(PREFIX)


def fresh_name() -> str:
    """A name that no other console uses."""
    return f"{PREFIX}call-{int(time.time()):x}-{secrets.token_hex(2)}"


def is_left_over(name: str) -> bool:
    """A definition that its console did not live to remove."""
    stamp = _STAMP.match(name)
    return stamp is not None and int(stamp[1], 16) < time.time() - OLD_S
