"""What a host says of itself: `SystemFacts`, put together from a handful of libvirt's answers.

Capabilities change only when QEMU or libvirtd is replaced, and then the connection ends: they are
asked once for each connection. Networks, huge pages and leases are asked anew each time.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.domain_xml import MOST_MTU, vlan_tags
from openlpm.adapters.libvirt.errors import ignoring, whole
from openlpm.adapters.libvirt.lease import lockspace
from openlpm.adapters.libvirt.xml import MOST_NAME, Element, attribute, number, parse, text, to_text
from openlpm.model.errors import HypervisorRefused
from openlpm.model.system import Lockspace, SystemFacts, VirtualSwitch

# In this order: what the partition gets when it asks for no model. All but the last are the same
# processor on every maker's hosts and under TCG; `host-model` crashes QEMU on some nested hosts.
_MODELS = ("Nehalem", "qemu64")
_MOST_PAGE_KIB = 2**31 - 1  # libvirt's call takes no more
_ALL_CELLS = libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A way to run partitions here: the domain's type, the processor model that a new one gets
    when it asks for none, all that it could ask for, and the XML of the most that it can have."""

    hypervisor: str
    cpu_model: str
    cpu_models: frozenset[str] = frozenset()
    host_model: str = ""


class Capabilities:
    """libvirt's capabilities, asked once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def root(self) -> Element:
        """The `<capabilities>` element."""

        def get() -> str:
            return self._connection.raw.getCapabilities()

        return parse(self._connection.ask("tell its capabilities", get), "capabilities")

    @property
    def arch(self) -> str:
        """The host's own architecture."""
        return text(self.root, "host/cpu/arch")

    def hypervisors(self, arch: str) -> frozenset[str]:
        """Ways to run guests of an architecture: "qemu", "kvm"."""
        return frozenset(
            domain.get("type", "")
            for found in self.root.iterfind("guest/arch")
            if found.get("name") == arch
            for domain in found.iterfind("domain")
        )

    @property
    def accelerator(self) -> Accelerator:
        """How a new partition is run: by KVM where that works, else by plain emulation."""
        return next(iter(self.accelerators), Accelerator("qemu", ""))

    @cached_property
    def accelerators(self) -> tuple[Accelerator, ...]:
        """Those that can run a usual processor, KVM first.

        /dev/kvm makes libvirt offer KVM, even in nested machines where it runs no stock kernel.
        What gives those away: no usual processor model is usable there, as KVM lacks features
        that every x86-64 processor has (SSE3, measured).
        """
        offered = [h for h in ("kvm", "qemu") if h in self.hypervisors(self.arch)]
        return tuple(found for each in offered if (found := self._accelerator(each)).cpu_model)

    def _accelerator(self, hypervisor: str) -> Accelerator:
        answer = self._connection.ask(
            "tell its domain capabilities",
            lambda: self._connection.raw.getDomainCapabilities(None, self.arch, None, hypervisor),
        )
        told = parse(answer, "domainCapabilities")
        models = told.iterfind("cpu/mode[@name='custom']/model")
        usable = frozenset(m.text or "" for m in models if m.get("usable") == "yes")
        host_model = told.find("cpu/mode[@name='host-model'][@supported='yes']")
        return Accelerator(
            hypervisor,
            next((model for model in _MODELS if model in usable), ""),
            usable,
            "" if host_model is None else to_text(host_model),
        )

    def stable_machine(self) -> str:
        """The versioned name of the newest q35 machine (elsewhere: of the default machine).

        A versioned machine is the same hardware on every host that knows its name.
        """
        machines = [
            machine
            for found in self.root.iterfind("guest/arch")
            if found.get("name") == self.arch
            for machine in found.iterfind("machine")
        ]
        aliases = {m.text: m.get("canonical") for m in machines if m.get("canonical")}
        return aliases.get("q35") or next((a for a in aliases.values() if a), "")


def system_facts(connection: Connection, capabilities: Capabilities) -> SystemFacts:
    """All of it."""
    return connection.ask("describe itself", lambda: _read(connection, capabilities))


def _read(connection: Connection, capabilities: Capabilities) -> SystemFacts:
    root = capabilities.root
    hypervisor, version, libvirt_version, hostname = connection.ask(
        "tell its versions", lambda: _versions(connection.raw)
    )
    # Of the memory, getInfo() leaves out what was plugged in after boot (seen on 9.0).
    info, memory = connection.ask(
        "tell its size",
        lambda: (connection.raw.getInfo(), connection.raw.getMemoryStats(_ALL_CELLS)),
    )
    cpu = root.find("host/cpu")
    guests = list(root.iterfind("guest/arch"))
    return SystemFacts(
        host_uuid=text(root, "host/uuid"),
        hostname=hostname[:MOST_NAME],
        hypervisor=hypervisor[:MOST_NAME],
        hypervisor_version=version,
        libvirt_version=libvirt_version,
        arch=capabilities.arch,
        processors=info[2],
        memory_mib=whole(memory, "total") // 1024,
        archs=frozenset(guest.get("name", "") for guest in guests),
        hypervisors=frozenset(d.get("type", "") for g in guests for d in g.iterfind("domain")),
        machines=frozenset(_machines(guests)),
        cpu_xml="" if cpu is None else to_text(cpu),
        cpu_model=text(cpu, "model"),
        switches=switches(connection),
        lockspace=_readable_lockspace(connection),
        huge_pages_free=_huge_pages_free(connection, root),
    )


def _versions(raw: libvirt.virConnect) -> tuple[str, int, int, str]:
    return raw.getType(), raw.getVersion(), raw.getLibVersion(), raw.getHostname()


def _machines(guests: list[Element]) -> Iterator[str]:
    for guest in guests:
        # A machine's element is below <arch>, or below <domain> where KVM has others.
        for machine in guest.iter("machine"):
            yield machine.text or ""
            yield machine.get("canonical") or ""


def _huge_pages_free(connection: Connection, root: Element) -> tuple[tuple[int, int], ...]:
    listed = root.iterfind("host/topology/cells/cell/pages")
    told = {number(p.get("size", ""), "page size", most=_MOST_PAGE_KIB) for p in listed}
    sizes = sorted(told - {0, 4, 64})
    if not sizes:
        return ()
    free = connection.ask("count its huge pages", lambda: connection.raw.getFreePages(sizes, -1, 1))
    return tuple(sorted(free.get(-1, {}).items()))


def _readable_lockspace(connection: Connection) -> Lockspace | None:
    with suppress(HypervisorRefused):
        return lockspace(connection)
    return None


def switches(connection: Connection) -> tuple[VirtualSwitch, ...]:
    """libvirt's networks, and the host's bridges where libvirt can list interfaces."""
    bridges = {
        bridge.get("name", ""): number(attribute(bridge, "mtu", "size"), "MTU", most=MOST_MTU)
        for bridge in _interfaces(connection)
        if bridge.get("type") == "bridge"
    }
    found: list[VirtualSwitch] = []
    for active, network in _networks(connection):
        name, bridge = text(network, "name"), attribute(network, "bridge", "name")
        mtu = number(attribute(network, "mtu", "size"), "MTU", most=MOST_MTU)
        mtu = mtu or bridges.get(bridge, 0)
        found.append(VirtualSwitch(name, "network", active, bridge, mtu, _vlans(network)))
    found += [VirtualSwitch(name, "bridge", True, name, mtu) for name, mtu in bridges.items()]
    return tuple(found)


def _interfaces(connection: Connection) -> list[Element]:
    """Each interface; none where libvirt was built without that driver."""

    def read() -> list[str]:
        return [interface.XMLDesc() for interface in connection.raw.listAllInterfaces()]

    with suppress(HypervisorRefused):
        return [parse(one, "interface") for one in connection.ask("list its interfaces", read)]
    return []


def _networks(connection: Connection) -> list[tuple[bool, Element]]:
    """Each network, and whether it is active."""

    def read() -> Iterator[tuple[bool, str]]:
        for network in connection.raw.listAllNetworks():
            # It may vanish between the list and the look at it.
            with ignoring(libvirt.VIR_ERR_NO_NETWORK):
                yield bool(network.isActive()), network.XMLDesc()

    listed = connection.ask("list its networks", lambda: list(read()))
    return [(active, parse(xml, "network")) for active, xml in listed]


def _vlans(network: Element) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Tags by port group; one without tags of its own has the network's."""
    usual = vlan_tags(network)
    groups = {group.get("name", ""): vlan_tags(group) for group in network.iterfind("portgroup")}
    named = {name: tags or usual for name, tags in groups.items()}
    default = next(
        (named[g.get("name", "")] for g in network.iterfind("portgroup[@default='yes']")), usual
    )
    return tuple({"": default, **named}.items())
