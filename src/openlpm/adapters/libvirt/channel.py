"""Would QEMU trust QEMU? Tried with a throwaway guest that is moved by TLS.

The two QEMUs of a move have certificates of their own, which nobody but a QEMU looks at. So one
(`throwaway`) is started at the source and migrated as a partition would be: the same certificates,
the same addresses, the same checks at both ends. It takes about a second.

libvirt tells the target's last words ("Not a migration stream") when it is the source that hung
up; the guest's own QEMU at the source is asked why.
"""

import json
from contextlib import suppress

import libvirt
import libvirt_qemu

from openlpm.adapters.libvirt.certificates import Call, told
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.door import open_connection
from openlpm.adapters.libvirt.errors import ignoring, said, sentence
from openlpm.adapters.libvirt.migrate import migration_uri
from openlpm.adapters.libvirt.ssh import from_daemon
from openlpm.adapters.libvirt.throwaway import ARCHS, definition, in_turn
from openlpm.model.errors import OpenLpmError
from openlpm.model.system import System
from openlpm.model.verdict import PeerVerdict

_PATIENCE_S = 12.0
_HOW = '{"execute": "query-migrate"}'
_FLAGS = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_TLS


def try_encryption(connection: Connection, arch: str, target: System) -> PeerVerdict:
    """Why nothing could be sent to the target by TLS; no news where it cannot be tried."""
    if arch not in ARCHS:
        return PeerVerdict()
    with connection.apart() as line:
        try:
            why = line.ask(
                "try an encrypted move",
                lambda: in_turn("channel", lambda name: _trouble(line, name, arch, target)),
                seconds=_PATIENCE_S,
                itself=True,
            )
        except OpenLpmError:
            line.close()  # nobody else shall wait behind a call that hangs
            raise
    certificate = told(why, Call(line.name, target.name, "QEMU"))
    return PeerVerdict(channel="" if certificate else why, certificate=certificate)


def _trouble(line: Connection, name: str, arch: str, target: System) -> str:
    """Why this guest could not be moved; "" when it was."""
    try:
        return _moved(line, definition(name, arch), target)
    except libvirt.libvirtError as error:
        if not line.alive:
            raise
        return said(error)


def _moved(line: Connection, definition: str, target: System) -> str:
    guest = line.raw.createXML(definition)
    parameters: dict[str, str] = {}
    if target.mover.address:
        parameters[libvirt.VIR_MIGRATE_PARAM_URI] = migration_uri(target.mover.address)
    try:
        guest.migrateToURI3(from_daemon(target.peer_uri), parameters, _FLAGS)
    except libvirt.libvirtError as error:
        if not line.alive:
            raise
        why = _source_says(guest) or said(error)
        with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
            guest.destroy()
        return why
    _end(target, guest.UUIDString())
    return ""


def _source_says(guest: libvirt.virDomain) -> str:
    """Why the guest's own QEMU gave up sending; "" where it never began."""
    try:
        answer = json.loads(libvirt_qemu.qemuMonitorCommand(guest, _HOW, 0))
        return sentence(str(answer["return"]["error-desc"]))
    except (libvirt.libvirtError, ValueError, LookupError, TypeError):
        return ""


def _end(target: System, uuid: str) -> None:
    """It has arrived and done its work. Who cannot be asked to end it, sees it end by itself."""
    with suppress(OpenLpmError):
        there = open_connection(target.name, target.uri)
        try:
            there.ask("end a probe", lambda: there.domain(uuid).destroy())
        finally:
            there.close()
