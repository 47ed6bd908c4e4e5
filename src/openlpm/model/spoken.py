"""Names as words of a command line that somebody may paste into a shell, or complete with Tab.

Names come from servers that others use, so `web1; reboot` may be one. It never stands in a command
that we propose: there, such a partition is called by its UUID.

>>> spoken("web1", "0f3a…"), spoken("web1; reboot", "0f3a…")
('web1', '0f3a…')
"""

import re

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
"""What is one word in every shell, no option, and no path."""


def spoken(name: str, uuid: str) -> str:
    """What to call a partition in a command."""
    return name if PLAIN.match(name) else uuid
