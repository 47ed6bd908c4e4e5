"""Where a lab partition answers: its IPv4 address follows from its MAC address.

There is no DHCP server in the lab, so that nothing besides the partition itself decides where it
answers, before and after a move. `guest/rc` computes the same from the inside.
"""

import re

from openlpm.lab.errors import LabError

NETWORK = "198.19.0.0/16"  # set aside for benchmarks of networks (RFC 2544): nobody's real address


def address_of(mac: str) -> str:
    """The address of the partition whose first network adapter has this MAC address."""
    if not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", mac):
        raise LabError(
            "mac-invalid",
            f"{mac!r} is not a MAC address.",
            cause="Six pairs of hexadecimal digits with colons are expected.",
            remedy="Give an address such as 52:54:00:00:01:02.",
        )
    fifth, sixth = (int(pair, 16) for pair in mac.split(":")[4:])
    if (fifth, sixth) in {(0, 0), (255, 255)}:
        raise LabError(
            "mac-reserved",
            f"No partition can have the MAC address {mac}.",
            cause=f"Its last two bytes give the network or the broadcast address of {NETWORK}.",
            remedy="Choose other last two bytes.",
        )
    return f"198.19.{fifth}.{sixth}"
