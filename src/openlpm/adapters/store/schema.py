"""The tables as they are now. `versions/` tells how a database of any age becomes this.

A change here needs a new file in `versions/` and its revision in `REVISIONS`; a test compares
the two. Types are portable; JSON holds only nested values that no query looks into.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

REVISIONS = ("lpm0001", "lpm0002", "lpm0003", "lpm0004", "lpm0005", "lpm0006", "lpm0007")
"""All that ever were, oldest first. The last one is what this program reads and writes."""

metadata = MetaData()


def _checksum() -> Column[int]:
    """Of the row's other columns, see `seals.py`."""
    return Column("checksum", BigInteger, nullable=False, server_default="0")


_counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts in plain INTEGERs only

leadership = Table(
    "leadership",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("epoch", BigInteger, nullable=False),
    Column("since", Double, nullable=False),
    Column("writes", BigInteger, nullable=False, server_default="0"),  # commits, ever
    Column("layout", String(64), nullable=False, server_default=""),  # the schema's digest
    Column("holder", Text, nullable=False, server_default=""),  # which console; "": nobody
    Column("valid_until", Double, nullable=False, server_default="0"),  # by the database's clock
    _checksum(),
)

migrations = Table(
    "migrations",
    metadata,
    Column("number", _counter, primary_key=True),  # the order in which they began
    Column("id", String(64), nullable=False, unique=True),
    Column("partition_uuid", String(36), nullable=False),
    Column("partition", Text, nullable=False),
    Column("source", String(63), nullable=False),
    Column("target", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("asked", Boolean, nullable=False),
    Column("halt", String(16), nullable=False),
    Column("throttled", Boolean, nullable=False),
    Column("leased", Boolean, nullable=False),
    Column("retaking", Boolean, nullable=False, server_default=false()),
    Column("gone", String(63), nullable=False, server_default=""),
    Column("switched", Boolean, nullable=False, server_default=false()),
    Column("demand", JSON, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("is_return", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("phase_at", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("copies", JSON, nullable=False, server_default="[]"),
    Column("keep_disks", Boolean, nullable=False, server_default=false()),
    _checksum(),
    sqlite_autoincrement=True,
)

_unfinished = text("phase NOT IN ('done', 'failed', 'stopped')")

# The database's own fence: whatever the code does, a partition has one unfinished move.
Index(
    "one_unfinished_move",
    migrations.c.partition_uuid,
    unique=True,
    sqlite_where=_unfinished,
    postgresql_where=_unfinished,
)

reservations = Table(
    "reservations",
    metadata,
    Column("migration_id", String(64), ForeignKey("migrations.id"), primary_key=True),
    Column("system", String(63), nullable=False, index=True),
    Column("partition_uuid", String(36), nullable=False),
    Column("partition", Text, nullable=False),
    Column("processing_units", Double, nullable=False),
    Column("memory_mib", BigInteger, nullable=False),
    _checksum(),
)

events = Table(
    "events",
    metadata,
    Column("seq", _counter, primary_key=True),
    Column("at", Double, nullable=False),
    Column("level", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("system", String(63), nullable=False),
    Column("partition", Text, nullable=False),
    Column("migration_id", String(64), nullable=False),
    _checksum(),
    sqlite_autoincrement=True,  # a number is never given twice, even after pruning
)

systems = Table(
    "systems",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("uri", Text, nullable=False),
    Column("peer_uri", Text, nullable=False),
    Column("chassis", String(63), nullable=False),
    Column("mover", JSON, nullable=False),
    Column("processors", Double),
    Column("memory_mib", BigInteger),
    Column("insecure", Boolean, nullable=False, server_default=false()),
    _checksum(),
)

seen_partitions = Table(
    "seen_partitions",
    metadata,
    Column("system", String(63), ForeignKey("systems.name", ondelete="CASCADE"), primary_key=True),
    Column("uuid", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("why", String(16), nullable=False),
    Column("processors", Integer, nullable=False),
    Column("memory_mib", BigInteger, nullable=False),
    Column("mark", JSON(none_as_null=True)),
    Column("rmc", String(16), nullable=False),
    Column("seen_at", Double, nullable=False),
    _checksum(),
)
