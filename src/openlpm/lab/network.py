"""Bridges and links, written as scripts for `ip -batch` and `tc -batch`.

          hub (its own network namespace, the outside)
    management  migration  storage  guest             four bridges
        │           │         │       │
    s1-management s1-migration …    s1-guest          the hub's ends of s1's links
    ────┼───────────┼─────────┼───────┼────────────────────────────────────────────
    management  migration  storage  guest-up          s1's ends
                                      │
                                    guest             s1's bridge, where partitions plug in

Bridges neither run spanning tree nor wait before forwarding: after a move, the first frame from
the partition's new place redirects its traffic. They do not snoop multicast either.

Nothing is ever made in the machine's own network namespace.
"""

from collections.abc import Sequence

from openlpm.lab.command import run
from openlpm.lab.names import rate_in_bits
from openlpm.lab.plan import NETWORKS, Plan, with_prefix

LINKS = tuple(NETWORKS)
_BRIDGE = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
# Long enough a queue for TCP to fill the link, short enough to add little delay.
_QUEUE_MS = 10
# What may pass at once: 1 ms of the rate, and never less than a few frames.
_BURST_S, _LEAST_BURST = 0.001, 16_000


def inside(pid: int, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` in the network namespace of a process."""
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--", *argv]


def make_hub(pid: int, plan: Plan) -> None:
    """The hub's bridges and its own addresses."""
    script = ["link set lo up"]
    for network in NETWORKS:
        made = f"link add name {network} address {_mac(network, 0)} mtu {plan.mtu}"
        script += [f"{made} {_BRIDGE}"]
        if network != "migration":
            script += [f"address add {with_prefix(network, 0)} dev {network}"]
        script += [f"link set {network} up"]
    _ip(pid, script, "make the lab's networks")


def wire(hub: int, server: int, number: int, plan: Plan) -> None:
    """Links between the hub and a server, given their processes."""
    script: list[str] = []
    for network in LINKS:
        end = "guest-up" if network == "guest" else network
        port = hub_end(number, network)
        script += [
            f"link add name {port} mtu {plan.mtu} type veth"
            f" peer name {end} address {_mac(network, number)} mtu {plan.mtu} netns {server}",
            f"link set {port} master {network} up",
        ]
    _ip(hub, script, f"make the links of s{number}")
    script = ["link set lo up"]
    script += [f"link add name guest mtu {plan.mtu} {_BRIDGE}"]
    script += ["link set guest-up master guest up", "link set guest up"]
    for network in LINKS:
        if network != "guest":
            script += [f"address add {with_prefix(network, number)} dev {network}"]
            script += [f"link set {network} up"]
    _ip(server, script, f"make the addresses of s{number}")
    # Both directions: what the server sends, and what all others together send to it.
    for pid, device in ((server, "migration"), (hub, hub_end(number, "migration"))):
        shape(pid, device, plan.link)


def shape(pid: int, device: str, rate: str) -> None:
    """Let no more than `rate` leave through a device; tbf is a token bucket with a queue."""
    bits = rate_in_bits(rate)
    burst = max(_LEAST_BURST, int(bits / 8 * _BURST_S))
    bucket = f"rate {bits} burst {burst} latency {_QUEUE_MS}ms"
    script = f"qdisc replace dev {device} root tbf {bucket}\n"
    run(inside(pid, ["tc", "-batch", "-"]), stdin=script, doing=f"shape {device} to {rate}")


def set_link(hub: int, number: int, network: str, *, up: bool) -> None:
    """Pull or plug a cable: the server's end loses its carrier, or has it again."""
    state = "up" if up else "down"
    _ip(hub, [f"link set {hub_end(number, network)} {state}"], f"set the link {state}")


def cut_links(hub: int) -> set[str]:
    """The hub's ends that are down, by interface name."""
    lines = run(inside(hub, ["ip", "-brief", "link", "show", "type", "veth"]), doing="list links")
    rows = [line.split() for line in lines.splitlines()]
    return {row[0].partition("@")[0] for row in rows if "UP" not in row[3].strip("<>").split(",")}


def has_links(hub: int, number: int) -> bool:
    """Whether any link of this server is left; the kernel removes a lost server's a bit later."""
    devices = run(inside(hub, ["ip", "-brief", "link", "show", "type", "veth"]), doing="list links")
    return any(line.startswith(f"s{number}-") for line in devices.splitlines())


def hub_end(number: int, network: str) -> str:
    """The interface on the hub; at most 14 of the 15 characters that Linux allows."""
    return f"s{number}-{network}"


def _mac(network: str, server: int) -> str:
    """Fixed, so that neighbours' ARP tables stay right when a server is started again.

    A bridge would otherwise take the lowest of its ports', and change it with them.
    """
    return f"02:00:00:00:{LINKS.index(network):02x}:{server:02x}"


def _ip(pid: int, script: Sequence[str], doing: str) -> None:
    run(inside(pid, ["ip", "-batch", "-"]), stdin="\n".join(script) + "\n", doing=doing)
