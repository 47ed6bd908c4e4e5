"""Migrations, reservations and events: dataclass to row and back, field by field.

Written out by hand, so that renaming a field of the model cannot silently change what is
stored. A test fills every field of every class and compares what comes back.
"""

from collections.abc import Mapping
from dataclasses import asdict

from openlpm.adapters.store.fields import Fields
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.event import Event, Level
from openlpm.model.migration import Figures, Halt, Kind, Migration, Phase, Reservation
from openlpm.model.policy import Policy
from openlpm.model.system import Resources

Row = dict[str, object]
Stored = Mapping[str, object]


def migration_row(migration: Migration) -> Row:
    """The row of a migration, without its `number`."""
    return {
        "id": migration.id,
        "partition_uuid": migration.partition_uuid,
        "partition": migration.partition,
        "source": migration.source,
        "target": migration.target,
        "kind": migration.kind.value,
        "phase": migration.phase.value,
        "asked": migration.asked,
        "halt": migration.halt.value,
        "throttled": migration.throttled,
        "leased": migration.leased,
        "retaking": migration.retaking,
        "gone": migration.gone,
        "switched": migration.switched,
        "demand": asdict(migration.demand),
        "policy": asdict(migration.policy),
        "is_return": migration.is_return,
        "reason": migration.reason,
        "created_at": migration.created_at,
        "finished_at": migration.finished_at,
        "phase_at": migration.phase_at,
        "figures": asdict(migration.figures),
        "copies": [asdict(copy) for copy in migration.copies],
        "keep_disks": migration.keep_disks,
    }


def migration(row: Stored) -> Migration:
    """A migration from its row."""
    fields = Fields(f"migration {row['id']}", row)
    demand = fields.child("demand")
    return Migration(
        id=fields.text("id"),
        partition_uuid=fields.text("partition_uuid"),
        partition=fields.text("partition"),
        source=fields.text("source"),
        target=fields.text("target"),
        kind=fields.choice("kind", Kind),
        phase=fields.choice("phase", Phase),
        asked=fields.flag("asked"),
        halt=fields.choice("halt", Halt),
        throttled=fields.flag("throttled"),
        leased=fields.flag("leased"),
        retaking=fields.flag("retaking"),
        gone=fields.text("gone"),
        switched=fields.flag("switched"),
        demand=Resources(demand.number("processing_units"), demand.integer("memory_mib")),
        policy=policy(fields.child("policy")),
        is_return=fields.flag("is_return"),
        reason=fields.text("reason"),
        created_at=fields.number("created_at"),
        finished_at=fields.optional_number("finished_at"),
        phase_at=fields.pairs("phase_at"),
        figures=_figures(fields.child("figures")),
        copies=tuple(map(_copy, fields.children("copies"))),
        keep_disks=fields.flag("keep_disks"),
    )


def policy(fields: Fields) -> Policy:
    """A policy from its JSON object."""
    return Policy(
        max_pause_ms=fields.integer("max_pause_ms"),
        throttle=fields.flag("throttle"),
        bandwidth_mib_s=fields.integer("bandwidth_mib_s"),
        postcopy=fields.optional_flag("postcopy"),  # older records have none
    )


def _figures(fields: Fields) -> Figures:
    return Figures(
        pause_ms=fields.optional_integer("pause_ms"),
        total_s=fields.optional_number("total_s"),
        bytes_sent=fields.optional_integer("bytes_sent"),
        iterations=fields.optional_integer("iterations"),
        phase_s=fields.pairs("phase_s"),
    )


def _copy(fields: Fields) -> DiskCopy:
    return DiskCopy(
        disk=fields.text("disk"),
        pool=fields.text("pool"),
        volume=fields.text("volume"),
        to_pool=fields.text("to_pool"),
        to_folder=fields.text("to_folder"),
        format=fields.text("format"),
        capacity_bytes=fields.integer("capacity_bytes"),
        allocation_bytes=fields.integer("allocation_bytes"),
        to_volume=fields.text("to_volume"),
    )


def reservation_row(reservation: Reservation) -> Row:
    """The row of a reservation."""
    return {
        "migration_id": reservation.migration_id,
        "system": reservation.system,
        "partition_uuid": reservation.partition_uuid,
        "partition": reservation.partition,
        "processing_units": reservation.resources.processing_units,
        "memory_mib": reservation.resources.memory_mib,
    }


def reservation(row: Stored) -> Reservation:
    """A reservation from its row."""
    fields = Fields(f"the reservation of migration {row['migration_id']}", row)
    return Reservation(
        migration_id=fields.text("migration_id"),
        system=fields.text("system"),
        partition_uuid=fields.text("partition_uuid"),
        partition=fields.text("partition"),
        resources=Resources(fields.number("processing_units"), fields.integer("memory_mib")),
    )


def event_row(event: Event) -> Row:
    """The row of an event, without its `seq`."""
    return {
        "at": event.at,
        "level": event.level.value,
        "code": event.code,
        "message": event.message,
        "system": event.system,
        "partition": event.partition,
        "migration_id": event.migration_id,
    }


def event(row: Stored) -> Event:
    """An event from its row."""
    fields = Fields(f"event {row['seq']}", row)
    return Event(
        seq=fields.integer("seq"),
        at=fields.number("at"),
        level=fields.choice("level", Level),
        code=fields.text("code"),
        message=fields.text("message"),
        system=fields.text("system"),
        partition=fields.text("partition"),
        migration_id=fields.text("migration_id"),
    )
