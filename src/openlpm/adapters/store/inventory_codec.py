"""Managed systems and partitions as they were seen: dataclass to row and back.

The rules are those of `codec.py`.
"""

from dataclasses import asdict

from openlpm.adapters.store.codec import Row, Stored, policy
from openlpm.adapters.store.fields import Fields
from openlpm.model.partition import Mark, Partition, Rmc
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Mover, System


def system_row(system: System) -> Row:
    """The row of a managed system."""
    return {
        "name": system.name,
        "uri": system.uri,
        "peer_uri": system.peer_uri,
        "chassis": system.chassis,
        "mover": asdict(system.mover),
        "processors": system.processors,
        "memory_mib": system.memory_mib,
        "insecure": system.insecure,
    }


def system(row: Stored) -> System:
    """A managed system from its row."""
    fields = Fields(f"system {row['name']}", row)
    mover = fields.child("mover")
    return System(
        name=fields.text("name"),
        uri=fields.text("uri"),
        peer_uri=fields.text("peer_uri"),
        chassis=fields.text("chassis"),
        mover=Mover(
            address=mover.text("address"),
            bandwidth_mib_s=mover.integer("bandwidth_mib_s"),
            concurrent=mover.integer("concurrent"),
        ),
        processors=fields.optional_number("processors"),
        memory_mib=fields.optional_integer("memory_mib"),
        insecure=fields.flag("insecure"),
    )


def partition_row(partition: Partition) -> Row:
    """The row of a partition as it was seen."""
    return {
        "system": partition.system,
        "uuid": partition.uuid,
        "name": partition.name,
        "state": partition.state.value,
        "why": partition.why.value,
        "processors": partition.processors,
        "memory_mib": partition.memory_mib,
        "mark": asdict(partition.mark) if partition.mark else None,
        "rmc": partition.rmc.value,
        "seen_at": partition.seen_at,
    }


def partition(row: Stored) -> Partition:
    """A partition as it was seen, from its row."""
    fields = Fields(f"partition {row['name']} on {row['system']}", row)
    mark = fields.optional_child("mark")
    return Partition(
        system=fields.text("system"),
        uuid=fields.text("uuid"),
        name=fields.text("name"),
        state=fields.choice("state", Sight),
        why=fields.choice("why", Why),
        processors=fields.integer("processors"),
        memory_mib=fields.integer("memory_mib"),
        mark=_mark(mark) if mark else None,
        rmc=fields.choice("rmc", Rmc),
        seen_at=fields.number("seen_at"),
    )


def _mark(fields: Fields) -> Mark:
    return Mark(
        partition_id=fields.integer("partition_id"),
        os_type=fields.text("os_type"),
        processing_units=fields.number("processing_units"),
        came_from=fields.text("came_from"),
        policy=policy(fields.child("policy")),
    )
