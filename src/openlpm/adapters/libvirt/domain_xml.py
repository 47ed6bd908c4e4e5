"""A domain's XML as `Hardware`: what the partition holds, and what ties it to its server.

Only what validation asks about is read. A source is named the same on every server: network disks
by URL, files and devices by path, volumes by pool/volume.
"""

from collections.abc import Iterator

from openlpm.adapters.libvirt.cputune import is_tuned
from openlpm.adapters.libvirt.disk_xml import disks, is_mirrored
from openlpm.adapters.libvirt.lost_writes import is_guarded
from openlpm.adapters.libvirt.profiles import are_kept
from openlpm.adapters.libvirt.xml import (
    MOST_NAME,
    Element,
    attribute,
    bad_xml,
    number,
    parse,
    text,
    to_text,
)
from openlpm.model.hardware import DiskKind, Hardware, HostDevice, HostLocal, Lease, VirtualEthernet
from openlpm.model.names import as_uuid

# What `lpm` itself lets one ask for (2**32 MiB), and more processors than any machine type has.
_MOST_MEMORY_BYTES = 2**52
_MOST_PROCESSORS = 65_536
MOST_MTU = 65_536
_MOST_VLAN = 4095
# libvirt's units: the lower-case and one-letter forms are powers of 1024, "KB" and so on of 1000.
_UNITS = {"": 1024, "b": 1, "bytes": 1} | {
    unit: base**power
    for power, letter in enumerate("KMGT", start=1)
    for unit, base in (
        (f"{letter}B", 1000),
        *((u, 1024) for u in (letter, letter.lower(), f"{letter}iB")),
    )
}


def identity(domain: Element) -> tuple[str, str]:
    """UUID and name."""
    uuid = as_uuid(text(domain, "uuid"))
    name = text(domain, "name")
    if uuid is None or not 0 < len(name) <= MOST_NAME:
        raise bad_xml("It has no UUID, no name, or a name that is too long.")
    return uuid, name


def processors(domain: Element) -> int:
    """Virtual processors that are plugged: what it may use at once."""
    plugged = attribute(domain, "vcpu", "current")
    asked = plugged or text(domain, "vcpu")
    return number(asked, "number of processors", 1, most=_MOST_PROCESSORS)


def most_processors(domain: Element) -> int:
    """As many as can be plugged while it runs."""
    return number(text(domain, "vcpu"), "number of processors", 1, most=_MOST_PROCESSORS)


def memory_mib(domain: Element) -> int:
    """Its memory as defined, in MiB, rounded up: what a server must have for it."""
    return -(-_bytes(domain.find("memory")) // 2**20)


def current_mib(domain: Element) -> int:
    """What its guest has of that: less where its balloon holds some. Rounded up."""
    most = memory_mib(domain)
    current = domain.find("currentMemory")
    return most if current is None else min(most, -(-_bytes(current) // 2**20))


def agent_state(domain: Element) -> str | None:
    """ "connected" or "disconnected" of the guest agent's channel; None when it has none."""
    for channel in domain.iterfind("devices/channel/target"):
        if channel.get("name") == "org.qemu.guest_agent.0":
            return channel.get("state", "disconnected")
    return None


def network_disks_written(domain: Element) -> tuple[str, ...]:
    """The URLs of the network disks that nobody else may write to while it runs."""
    return tuple(
        disk.source
        for disk in disks(domain)
        if disk.kind is DiskKind.NETWORK and not (disk.read_only or disk.shareable)
    )


def mac_addresses(domain: Element) -> tuple[str, ...]:
    """Those of its Ethernet adapters, in lower case."""
    found = (attribute(each, "mac", "address") for each in domain.iterfind("devices/interface"))
    return tuple(mac.lower() for mac in found if mac)


def hardware(xml: str) -> Hardware:
    """Everything that the XML tells; what libvirt keeps elsewhere is added by `describe.py`."""
    domain = parse(xml, "domain")
    cpu = domain.find("cpu")
    return Hardware(
        arch=attribute(domain, "os/type", "arch"),
        machine=attribute(domain, "os/type", "machine"),
        hypervisor=domain.get("type", ""),
        processors=processors(domain),
        memory_mib=memory_mib(domain),
        cpu_xml="" if cpu is None else to_text(cpu),
        cpu_mode="" if cpu is None else cpu.get("mode", "custom"),
        disks=tuple(disks(domain)),
        ethernets=tuple(ethernets(domain)),
        host_devices=tuple(_host_devices(domain)),
        host_local=tuple(_host_local(domain)),
        leases=tuple(
            Lease(text(lease, "lockspace"), text(lease, "key"))
            for lease in domain.iterfind("devices/lease")
        ),
        huge_page_kib=_huge_page_kib(domain),
        guarded_memory=is_guarded(domain),
        entitled=is_tuned(domain),
        profiled=are_kept(domain),
        block_jobs=tuple(
            attribute(disk, "target", "dev")
            for disk in domain.iterfind("devices/disk")
            if is_mirrored(disk)
        ),
    )


def _bytes(size: Element | None) -> int:
    if size is None:
        return 0
    return _in_bytes((size.text or "").strip(), size.get("unit", ""), "amount of memory")


def _in_bytes(value: str, unit: str, what: str, default: int = 0) -> int:
    if unit not in _UNITS:
        raise bad_xml(f"{unit[:20]!r} is no unit of memory.")
    return number(value, what, default, most=_MOST_MEMORY_BYTES // _UNITS[unit]) * _UNITS[unit]


def _huge_page_kib(domain: Element) -> int:
    """The page size asked for; 2048 stands for "the host's default", 0 for none."""
    pages = domain.find("memoryBacking/hugepages")
    if pages is None:
        return 0
    page = pages.find("page")
    if page is None:
        return 2048
    return _in_bytes(page.get("size", ""), page.get("unit", ""), "page size", 2048) // 1024


def ethernets(domain: Element) -> Iterator[VirtualEthernet]:
    """Every virtual Ethernet adapter."""
    for interface in domain.iterfind("devices/interface"):
        kind = interface.get("type", "")
        if kind == "hostdev":
            continue  # a physical adapter: see _host_devices
        source = interface.find("source")
        # A dict: `Element.get` wants a well-formed name, and `kind` is whatever stands there.
        names = {} if source is None else dict(source.attrib)
        # libvirt 11 calls the adapter of a running guest by what its network is made of, a
        # bridge say, and still names the network: that is what it is plugged into.
        kind = "network" if names.get("network") else kind
        switch = str(names.get(kind) or names.get("dev") or "")
        yield VirtualEthernet(
            mac=attribute(interface, "mac", "address"),
            kind=kind,
            switch=switch,
            port_group=attribute(interface, "source", "portgroup"),
            vlans=vlan_tags(interface),
            mtu=number(attribute(interface, "mtu", "size"), "MTU", most=MOST_MTU),
        )


def vlan_tags(parent: Element) -> tuple[int, ...]:
    """The tags of a `<vlan>` element within, in ascending order."""
    tags = parent.iterfind("vlan/tag")
    return tuple(sorted(number(tag.get("id", ""), "VLAN", most=_MOST_VLAN) for tag in tags))


def _host_devices(domain: Element) -> Iterator[HostDevice]:
    for device in domain.iterfind("devices/hostdev"):
        yield HostDevice(device.get("type") or device.get("mode", ""), _address(device))
    for interface in domain.iterfind("devices/interface[@type='hostdev']"):
        yield HostDevice("pci", _address(interface))


def _address(device: Element) -> str:
    """Where it is on the host: the attributes that libvirt gives, PCI in its usual form."""
    where = device.find("source/address")
    if where is None:
        source = device.find("source")
        where = source if source is None or not len(source) else source[0]
    if where is None:
        return ""
    names = ("domain", "bus", "slot", "function")
    parts = [where.get(name, "").removeprefix("0x") for name in names]
    if all(parts):
        return "{}:{}:{}.{}".format(*parts)
    return " ".join(f"{key}={value}" for key, value in sorted(where.attrib.items()))


# What is a file, folder or socket of one host: where it is found, in which attribute ("" for the
# element's text), and what to call it.
_LOCAL = (
    ("os/kernel", "", "kernel file"),
    ("os/initrd", "", "initrd file"),
    ("os/dtb", "", "device tree file"),
    ("devices/filesystem/source", "dir", "shared folder"),
    ("devices/filesystem/source", "file", "shared folder's file"),
    ("devices/serial[@type='file']/source", "path", "serial port's file"),
    ("devices/serial[@type='dev']/source", "path", "serial port's device"),
    ("devices/serial[@type='pipe']/source", "path", "serial port's pipe"),
    ("devices/parallel/source", "path", "parallel port's device"),
    ("devices/smartcard/source", "path", "smart card's device"),
    ("devices/tpm/backend[@type='passthrough']/device", "path", "TPM device"),
    ("devices/rng/backend[@type='egd']/source", "path", "random generator's socket"),
    ("devices/interface[@type='vhostuser']/source", "path", "vhost-user socket"),
    ("devices/shmem", "name", "shared memory"),
    ("devices/memory[@model='nvdimm']/source/path", "", "persistent memory"),
    ("devices/disk[@type='vhostuser']/source", "path", "vhost-user socket"),
)
# Sockets that libvirt makes anew on each host, below its own folders, tie nothing.
_OWN = ("/var/lib/libvirt/", "/run/libvirt/", "/var/run/libvirt/")


def _host_local(domain: Element) -> Iterator[HostLocal]:
    for path, name, what in _LOCAL:
        for element in domain.iterfind(path):
            value = element.get(name) if name else (element.text or "").strip()
            if value:
                yield HostLocal(what, value)
    for kind in ("serial", "console", "channel"):
        for source in domain.iterfind(f"devices/{kind}[@type='unix']/source"):
            socket = source.get("path", "")
            if source.get("mode") == "connect" or (socket and not socket.startswith(_OWN)):
                yield HostLocal(f"{kind}'s socket", socket)
