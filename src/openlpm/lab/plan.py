"""What a lab is made of, as values: asked for once, and everything else follows from it.

Four networks leave each server. Their hub ends meet on bridges in one network namespace, the
*hub*, which is also the *outside*: clients and the console stand there.

    network      who is on it                         addresses
    management   the console and every libvirtd       198.18.0.0/24, the hub is .1, s1 is .11
    migration    every libvirtd and QEMU, shaped      198.18.1.0/24, s1 is .11, no hub
    storage      the NBD server (the hub) and QEMU    198.18.2.0/24, the hub is .1, s1 is .11
    guest        partitions, and clients on the hub   198.19.0.0/16, the hub is 198.19.255.254

198.18.0.0/15 is set aside for benchmarks (RFC 2544), so it hides no real network. All labs use
the same addresses, as each has its own hub.

>>> plan = Plan("demo", servers=2)
>>> [address("management", server) for server in (1, 2)], host_uuid("demo", 1)
(['198.18.0.11', '198.18.0.12'], '1ef1bfb4-ddaa-5457-9c21-f89b0a35c999')
"""

import uuid
from dataclasses import dataclass
from ipaddress import IPv4Network

from openlpm.lab.errors import LabError
from openlpm.lab.names import MOST_SERVERS, lab_name, rate_in_bits

NETWORKS = {
    "management": IPv4Network("198.18.0.0/24"),
    "migration": IPv4Network("198.18.1.0/24"),
    "storage": IPv4Network("198.18.2.0/24"),
    "guest": IPv4Network("198.19.0.0/16"),
}
_LABS = uuid.uuid5(uuid.NAMESPACE_DNS, "lab.openlpm")


@dataclass(frozen=True)
class Plan:
    """What `lpm lab up` was asked for; kept in the lab's state file.

    `processors` and `memory_mib` are what each server announces as configurable. libvirt goes on
    telling the machine's own figures: they are for the operator to tell the console.
    `insecure`: its libvirtds listen without TLS.
    """

    name: str
    servers: int = 2
    link: str = "1gbit"
    mtu: int = 1500
    processors: int | None = None
    memory_mib: int | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        lab_name(self.name)
        _within("servers", self.servers, 1, MOST_SERVERS)
        rate_in_bits(self.link)
        _within("bytes of MTU", self.mtu, 1280, 65535)
        for what, figure in (("processors", self.processors), ("MiB of memory", self.memory_mib)):
            if figure is not None:
                _within(what, figure, 1, 2**31)


def _within(what: str, figure: int, least: int, most: int) -> None:
    if not least <= figure <= most:
        raise LabError(
            "bad-number",
            f"{figure} cannot be the number of {what}.",
            remedy=f"Give {least} to {most}.",
        )


def address(network: str, server: int) -> str:
    """A server's address on a network; `server` 0 is the hub."""
    if network == "guest" and server == 0:
        # Partitions take theirs from the end of their MAC address: low ones are the likely ones.
        return str(NETWORKS["guest"][-2])
    return str(NETWORKS[network][10 + server if server else 1])


def with_prefix(network: str, server: int) -> str:
    """The same, as `ip address add` wants it."""
    return f"{address(network, server)}/{NETWORKS[network].prefixlen}"


def host_uuid(lab: str, server: int) -> str:
    """The same server of the same lab keeps its UUID when the lab is brought up again."""
    return str(uuid.uuid5(_LABS, f"{lab}/{server}"))
