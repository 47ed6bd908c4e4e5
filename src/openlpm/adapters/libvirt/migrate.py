"""A transfer: libvirt's peer-to-peer migration, its figures, its limit, its end.

Peer-to-peer means that the source's libvirtd drives it. When the console dies, the transfer goes
on, and any other console finds it by `progress`.

Flags, and why:
    LIVE             the guest runs meanwhile; one that is paused stays so at the target (measured),
                     so it is right for suspended migrations too
    PERSIST_DEST     the target keeps the definition
    ABORT_ON_ERROR   a guest that meets an I/O error is not moved in that state
    AUTO_CONVERGE    QEMU slows the guest down, when asked to
    POSTCOPY         it may be switched to post-copy, when asked to
    NON_SHARED_DISK  the disks named are copied, to the files that the target's definition names
    POSTCOPY_RESUME  it goes on with a post-copy whose connection broke
    TLS              the QEMUs encrypt, and prove to each other who they are; unless given up
not UNDEFINE_SOURCE  the source's definition is removed once the target was *seen* running

The definitions given to the target carry our mark as it shall be there (see `metadata.py`).
"""

from dataclasses import replace
from typing import Any

import libvirt

from openlpm.adapters.libvirt.certificates import Call, told
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.definition import EXPORTED
from openlpm.adapters.libvirt.disk_xml import put_copies
from openlpm.adapters.libvirt.division import NO_CONTROLLER
from openlpm.adapters.libvirt.errors import ignoring, said, unreachable, whole
from openlpm.adapters.libvirt.metadata import put_mark
from openlpm.adapters.libvirt.ssh import from_daemon
from openlpm.adapters.libvirt.xml import parse, to_text
from openlpm.decide.checks.entitlement import LET_DIVIDE
from openlpm.decide.checks.postcopy import ALLOW_POSTCOPY
from openlpm.model.certificate import Flaw
from openlpm.model.errors import Gone, HypervisorRefused, OpenLpmError
from openlpm.model.migration import Progress
from openlpm.ports import Transfer

_ALWAYS = (
    libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
)
_OUT = libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT
_IN = libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN
_THROTTLE_INITIAL, _THROTTLE_INCREMENT = 20, 10
_DEFAULT_PAGE = 4096
_NO_POSTCOPY = "Postcopy is not supported"


def transfer(connection: Connection, wanted: Transfer) -> None:
    """Ask for it, and wait for its end."""
    with connection.apart() as line, line.held():
        domain, flags, parameters = line.ask(
            "prepare the transfer", lambda: _prepared(line, wanted)
        )
        try:
            # Not `ask`: it lasts as long as it lasts. Keepalive ends it when libvirtd is gone.
            domain.migrateToURI3(from_daemon(wanted.target.peer_uri), parameters, flags)
        except libvirt.libvirtError as error:
            raise failed(error, line, wanted) from error


def _prepared(line: Connection, wanted: Transfer) -> tuple[libvirt.virDomain, int, dict[str, Any]]:
    domain = line.domain(wanted.partition_uuid)
    # QEMU takes the limit before there is a job, so the very first switch-over respects it.
    domain.migrateSetMaxDowntime(wanted.pause_ms)
    parameters: dict[str, Any] = {
        libvirt.VIR_MIGRATE_PARAM_DEST_XML: for_target(domain.XMLDesc(EXPORTED), wanted)
    }
    flags = _ALWAYS
    if domain.isPersistent():
        flags |= libvirt.VIR_MIGRATE_PERSIST_DEST
        stored = domain.XMLDesc(EXPORTED | libvirt.VIR_DOMAIN_XML_INACTIVE)
        parameters[libvirt.VIR_MIGRATE_PARAM_PERSIST_XML] = for_target(stored, wanted)
    if wanted.copies:
        flags |= libvirt.VIR_MIGRATE_NON_SHARED_DISK
        copied = [copy.disk for copy in wanted.copies]
        parameters[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = copied
    if wanted.target.mover.address:
        parameters[libvirt.VIR_MIGRATE_PARAM_URI] = migration_uri(wanted.target.mover.address)
    if wanted.bandwidth_mib_s:
        parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = wanted.bandwidth_mib_s
    if wanted.encrypted:
        flags |= libvirt.VIR_MIGRATE_TLS
    if wanted.postcopy:
        flags |= libvirt.VIR_MIGRATE_POSTCOPY
    if wanted.resumes:
        flags = flags & ~libvirt.VIR_MIGRATE_ABORT_ON_ERROR | libvirt.VIR_MIGRATE_POSTCOPY_RESUME
    if wanted.throttled:
        flags |= libvirt.VIR_MIGRATE_AUTO_CONVERGE
        parameters[libvirt.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL] = _THROTTLE_INITIAL
        parameters[libvirt.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT] = _THROTTLE_INCREMENT
    return domain, flags, parameters


def for_target(definition: str, wanted: Transfer) -> str:
    """A definition as the target shall have it: with its mark, and its disks where they will be."""
    domain = parse(definition, "domain")
    put_mark(domain, wanted.mark)
    put_copies(domain, wanted.copies)
    return to_text(domain)


def migration_uri(address: str) -> str:
    """Where QEMU at the target shall listen; libvirt chooses the port."""
    return f"tcp://[{address}]" if ":" in address else f"tcp://{address}"


def failed(error: libvirt.libvirtError, line: Connection, wanted: Transfer) -> OpenLpmError:
    """Why a transfer failed, in our tree."""
    if not line.alive:
        return unreachable(line.name, said(error))
    ends = f"from {line.name} to {wanted.target.name}"
    if error.get_error_code() == libvirt.VIR_ERR_OPERATION_ABORTED:
        return HypervisorRefused(
            "transfer-aborted",
            f"The transfer {ends} was stopped.",
            cause=said(error),
            remedy="Nothing was lost: the partition goes on at its source.",
        )
    bad = told(said(error), Call(line.name, wanted.target.name, "QEMU"))
    if bad and bad.flaw is not Flaw.REFUSED:  # that may as well be a link that broke
        return HypervisorRefused(
            bad.flaw, f"The transfer {ends} failed.", cause=bad.message, remedy=bad.remedy
        )
    if _NO_POSTCOPY in said(error):
        return HypervisorRefused(
            "postcopy-unsupported",
            f"The transfer {ends} failed: {wanted.target.name} cannot take it by post-copy.",
            cause=said(error),
            remedy=ALLOW_POSTCOPY,
        )
    if NO_CONTROLLER in said(error):
        return HypervisorRefused(
            "cpu-controller-missing",
            f"The transfer {ends} failed: {wanted.target.name} takes no partition that has an "
            "entitlement.",
            cause=said(error),
            remedy=LET_DIVIDE,
        )
    return HypervisorRefused(
        "transfer-failed",
        f"The transfer {ends} failed.",
        cause=said(error),
        remedy=f"Look for the cause at {wanted.target.name} (libvirtd's and QEMU's log), "
        "then validate again.",
    )


def progress(connection: Connection, uuid: str) -> Progress | None:
    """The figures of the outbound transfer under way."""

    def read() -> dict[str, Any]:
        with ignoring(libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
            return connection.domain(uuid).jobStats()
        return {}

    stats = connection.ask("tell the transfer's figures", read)
    outbound = stats.get(libvirt.VIR_DOMAIN_JOB_OPERATION) == _OUT
    running = stats.get("type") in (
        libvirt.VIR_DOMAIN_JOB_BOUNDED,
        libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
    )
    # While it runs, "downtime" is QEMU's guess of what the pause would be.
    return replace(_figures(stats), pause_ms=0) if outbound and running else None


def completed(connection: Connection, uuid: str) -> Progress | None:
    """The figures of the transfer that ended last; both sides keep them until the next."""
    flags = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED

    def read() -> dict[str, Any]:
        with ignoring(libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
            return connection.domain(uuid).jobStats(flags)
        return {}

    stats = connection.ask("tell the ended transfer's figures", read)
    moved = stats.get(libvirt.VIR_DOMAIN_JOB_OPERATION) in (_OUT, _IN)
    well = stats.get("type") == libvirt.VIR_DOMAIN_JOB_COMPLETED
    return _figures(stats) if moved and well else None


def _figures(stats: dict[str, Any]) -> Progress:
    """libvirt's `data_*` are memory and disks together."""

    def figure(name: str) -> int:
        return whole(stats, name)

    page = figure(libvirt.VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE) or _DEFAULT_PAGE
    return Progress(
        elapsed_ms=figure(libvirt.VIR_DOMAIN_JOB_TIME_ELAPSED),
        total_bytes=figure(libvirt.VIR_DOMAIN_JOB_DATA_TOTAL),
        sent_bytes=figure(libvirt.VIR_DOMAIN_JOB_DATA_PROCESSED),
        remaining_bytes=figure(libvirt.VIR_DOMAIN_JOB_DATA_REMAINING),
        rate_bytes_s=float(
            figure(libvirt.VIR_DOMAIN_JOB_MEMORY_BPS) + figure(libvirt.VIR_DOMAIN_JOB_DISK_BPS)
        ),
        dirty_bytes_s=float(figure(libvirt.VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE) * page),
        iteration=figure(libvirt.VIR_DOMAIN_JOB_MEMORY_ITERATION),
        throttle_percent=figure(libvirt.VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE),
        pause_ms=figure(libvirt.VIR_DOMAIN_JOB_DOWNTIME),
        disk_total_bytes=figure(libvirt.VIR_DOMAIN_JOB_DISK_TOTAL),
        disk_remaining_bytes=figure(libvirt.VIR_DOMAIN_JOB_DISK_REMAINING),
    )


def start_postcopy(connection: Connection, uuid: str) -> None:
    """Switch the transfer under way to post-copy."""
    connection.ask("switch to post-copy", lambda: connection.domain(uuid).migrateStartPostCopy())


def busy(connection: Connection, uuid: str) -> bool:
    """Some job of the domain is under way: a transfer, a save, a backup."""

    def read() -> int:
        return connection.domain(uuid).jobInfo()[0]

    try:
        return connection.ask("tell the partition's job", read) != libvirt.VIR_DOMAIN_JOB_NONE
    except Gone:
        return False


def set_pause_limit(connection: Connection, uuid: str, pause_ms: int) -> None:
    """Allow a longer (or shorter) pause to the transfer under way."""
    connection.ask(
        "change the allowed pause", lambda: connection.domain(uuid).migrateSetMaxDowntime(pause_ms)
    )


def abort(connection: Connection, uuid: str) -> None:
    """Ask the transfer to end. Without one there is nothing to do."""

    def stop() -> None:
        with ignoring(libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
            connection.domain(uuid).abortJob()

    connection.ask("stop the transfer", stop)
