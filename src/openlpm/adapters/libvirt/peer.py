"""Does the source's daemon reach the target's, and the ports that memory is sent to?

Only the source's daemon can tell, and nothing of ours runs there. But it can be made to call: it
is asked to migrate peer-to-peer, with a migration URI of a scheme that no libvirt knows. It
connects to the target, authenticates, judges the domain (Begin), and asks the target to prepare;
the target refuses the scheme before it has made anything. So that one refusal is the good news,
and any other error is the reason why a move would fail. No event, no job left, no log line: 6 ms.

    1. A throwaway definition is offered, not the partition: where packets are dropped, connect()
       blocks the source's daemon for minutes, and it must not be the partition's job that waits.
    2. The same with a URI on a migration port. "Connection refused" is the good news: the way is
       open. Port 49215 is the last of libvirt's range; it hands them out from the first, and a
       QEMU that listened there would take our call for its migration.
    3. The partition itself, now that the way is known to be open: does Begin object?
"""

import errno
from contextlib import suppress
from dataclasses import replace

import libvirt
from lxml import etree

from openlpm.adapters.libvirt.bounded import bounded
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import said, translated
from openlpm.adapters.libvirt.probe_name import fresh_name, is_left_over
from openlpm.adapters.libvirt.xml import to_text
from openlpm.model.system import System
from openlpm.model.verdict import PeerVerdict

_PATIENCE_S = 4.0
_SCHEME = "openlpm"
_NOWHERE = f"{_SCHEME}://nowhere"
_LAST_PORT = 49215


def call(connection: Connection, arch: str, uuid: str, target: System) -> PeerVerdict:
    """Three calls, each only when the one before went well."""
    with connection.apart() as line:
        way = _Way(line)
        verdict = way.tried(arch, target)
        if verdict == PeerVerdict():
            verdict = replace(verdict, objection=_objection(way, uuid, target.peer_uri))
        return verdict


class _Way:
    """Calls on one connection, which is given up when a call on it hangs."""

    def __init__(self, line: Connection) -> None:
        self.line = line

    def tried(self, arch: str, target: System) -> PeerVerdict:
        """Calls 1 and 2, with a throwaway definition."""
        domain = self.line.ask("try the way to its peer", lambda: _throwaway(self.line.raw, arch))
        try:
            daemon = self.refusal(domain, libvirt.VIR_MIGRATE_OFFLINE, target.peer_uri)
            if daemon or not target.mover.address:
                return PeerVerdict(daemon=daemon)
            return PeerVerdict(
                port=self.refusal(domain, libvirt.VIR_MIGRATE_OFFLINE, _port(target))
            )
        finally:
            # Should this fail or not be reached, the next who probes removes it.
            with suppress(libvirt.libvirtError):
                domain.undefine()

    def refusal(self, domain: libvirt.virDomain, flags: int, peer: str) -> str:
        """Why a migration of `domain` to `peer` would not even begin; "" when it would."""
        flags |= libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_PERSIST_DEST
        parameters = {libvirt.VIR_MIGRATE_PARAM_URI: _NOWHERE}

        def migrate() -> None:
            with self.line.held():
                domain.migrateToURI3(peer, parameters, flags)

        try:
            bounded(migrate, _PATIENCE_S, f"{self.line.name}: call {peer}")
        except TimeoutError:
            self.line.close()  # nobody else shall wait behind the call that hangs
            return f"No answer within {_PATIENCE_S:g} s: packets seem to be dropped on the way."
        except libvirt.libvirtError as error:
            if not self.line.alive:
                raise translated(error, self.line.name, "call its peer", alive=False) from error
            return "" if _is_good_news(error) else said(error)
        return "libvirt accepted a migration URI that does not exist."


def _is_good_news(error: libvirt.libvirtError) -> bool:
    """The target's refusal of our scheme, or a port that is reached and closed."""
    code = error.get_error_code()
    if code == libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED:
        return _SCHEME in said(error)
    return code == libvirt.VIR_ERR_SYSTEM_ERROR and error.get_int1() == errno.ECONNREFUSED


def _port(target: System) -> str:
    address = target.mover.address
    host = f"[{address}]" if ":" in address else address
    return f"qemu+tcp://{host}:{_LAST_PORT}/system"


def _throwaway(raw: libvirt.virConnect, arch: str) -> libvirt.virDomain:
    """A definition that is never started; those of consoles that died half way are removed."""
    for domain in raw.listAllDomains():
        if is_left_over(domain.name()):
            with suppress(libvirt.libvirtError):
                domain.undefine()
    root = etree.Element("domain", type="qemu")
    etree.SubElement(root, "name").text = fresh_name()
    etree.SubElement(root, "memory", unit="MiB").text = "1"
    etree.SubElement(etree.SubElement(root, "os"), "type", arch=arch).text = "hvm"
    return raw.defineXML(to_text(root))


def _objection(way: _Way, uuid: str, peer: str) -> str:
    def find() -> tuple[libvirt.virDomain, bool]:
        domain = way.line.domain(uuid)
        return domain, bool(domain.isActive())

    domain, active = way.line.ask("judge the partition", find)
    flags = libvirt.VIR_MIGRATE_LIVE if active else libvirt.VIR_MIGRATE_OFFLINE
    return way.refusal(domain, flags, peer)
