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
from collections.abc import Sequence
from contextlib import suppress

import libvirt
from lxml import etree

from openlpm.adapters.libvirt import ssh
from openlpm.adapters.libvirt.bounded import bounded
from openlpm.adapters.libvirt.certificates import Call, bad_daemon, tls_place
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
_TRIES_MORE = 4


def call(
    connection: Connection, arch: str, uuid: str, target: System, copied: Sequence[str]
) -> PeerVerdict:
    """Three calls, each only when the one before went well. `copied`: disks, by their targets."""
    with connection.apart() as line:
        attempt = _Attempt(line, arch, uuid, target, copied)
        try:
            verdict = bounded(attempt.made, _PATIENCE_S, f"{line.name}: call {target.peer_uri}")
        except TimeoutError:
            line.close()  # nobody else shall wait behind the call that hangs
            return attempt.hanging()
        except libvirt.libvirtError as error:
            raise translated(error, line.name, "call its peer", alive=line.alive) from error
    return _explained(verdict, connection.name, target)


def _explained(verdict: PeerVerdict, source: str, target: System) -> PeerVerdict:
    """Where it is a key or a certificate that the daemons stumble over, which, and what to do."""
    by_ssh = ssh.trouble(verdict.daemon, target.peer_uri, f"root on {source}")
    if by_ssh:
        return PeerVerdict(daemon=f"{by_ssh.cause} {by_ssh.remedy}")
    called = tls_place(target.peer_uri)
    if not verdict.daemon or called is None:
        return verdict
    # A daemon has one certificate for all networks; the console may not be on the servers' own.
    seen_at = tls_place(target.uri) or called
    call = Call(source, target.name, "libvirtd")
    certificate = bad_daemon(verdict.daemon, call, seen_at, called[0])
    return PeerVerdict(certificate=certificate) if certificate else verdict


class _Attempt:
    """The calls, made in a thread that may be left behind: it still cleans up when it ends."""

    def __init__(
        self, line: Connection, arch: str, uuid: str, target: System, copied: Sequence[str]
    ) -> None:
        self._line = line
        self._copied = list(copied)
        self._arch = arch
        self._uuid = uuid
        self._target = target
        self._at = "daemon"

    def made(self) -> PeerVerdict:
        """All three."""
        with self._line.held():
            verdict = self._with_throwaway()
            if verdict == PeerVerdict():
                self._at = "objection"
                domain = self._line.domain(self._uuid)
                live = libvirt.VIR_MIGRATE_LIVE
                flags = live if domain.isActive() else libvirt.VIR_MIGRATE_OFFLINE
                flags |= libvirt.VIR_MIGRATE_NON_SHARED_DISK if self._copied else 0
                verdict = PeerVerdict(objection=self._refusal(domain, flags, self._target.peer_uri))
            return verdict

    def hanging(self) -> PeerVerdict:
        """What is known when we stop waiting: at which call it hangs."""
        why = f"No answer within {_PATIENCE_S:g} s: packets seem to be dropped on the way."
        return PeerVerdict(port=why) if self._at == "port" else PeerVerdict(daemon=why)

    def _with_throwaway(self) -> PeerVerdict:
        domain = _throwaway(self._line.raw, self._arch)
        offline = libvirt.VIR_MIGRATE_OFFLINE
        try:
            daemon = self._refusal(domain, offline, self._target.peer_uri)
            if daemon or not self._target.mover.address:
                return PeerVerdict(daemon=daemon)
            self._at = "port"
            return PeerVerdict(port=self._refusal(domain, offline, _port(self._target)))
        finally:
            # Should this fail or never be reached, whoever probes next removes it.
            with suppress(libvirt.libvirtError):
                domain.undefine()

    def _refusal(self, domain: libvirt.virDomain, flags: int, peer: str) -> str:
        """Why a migration to `peer` would not even begin, asked anew where ssh swallowed it."""
        why = self._answer(domain, flags, peer)
        for _ in range(_TRIES_MORE if ssh.is_ssh(peer) else 0):
            if not ssh.is_swallowed(why):
                break
            why = self._answer(domain, flags, peer)
        return why

    def _answer(self, domain: libvirt.virDomain, flags: int, peer: str) -> str:
        """Why a migration of `domain` to `peer` would not even begin; "" when it would."""
        parameters: dict[str, str | list[str]] = {libvirt.VIR_MIGRATE_PARAM_URI: _NOWHERE}
        if flags & libvirt.VIR_MIGRATE_NON_SHARED_DISK:
            parameters[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = self._copied
        flags |= libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_PERSIST_DEST
        try:
            domain.migrateToURI3(ssh.from_daemon(peer), parameters, flags)
        except libvirt.libvirtError as error:
            if not self._line.alive:
                raise
            refused = self._at == "port" and _is_connection_refused(error)
            return "" if refused or _is_scheme_refused(error) else said(error)
        return "libvirt accepted a migration URI that does not exist."


def _is_scheme_refused(error: libvirt.libvirtError) -> bool:
    """The target's daemon was reached, let us in, and was asked to prepare."""
    unsupported = error.get_error_code() == libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED
    return unsupported and _SCHEME in said(error)


def _is_connection_refused(error: libvirt.libvirtError) -> bool:
    """The host was reached, and nothing listens there: nor would a firewall be in the way."""
    of_system = error.get_error_code() == libvirt.VIR_ERR_SYSTEM_ERROR
    return of_system and error.get_int1() == errno.ECONNREFUSED


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
