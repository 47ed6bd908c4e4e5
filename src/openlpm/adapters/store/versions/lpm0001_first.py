"""The first schema: leadership, migrations, reservations, events, systems, partitions seen."""

import sqlalchemy as sa
from alembic import op

revision = "lpm0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "leadership",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
    )
    _create_migrations(counter)
    op.create_table(
        "reservations",
        sa.Column("migration_id", sa.String(64), sa.ForeignKey("migrations.id"), primary_key=True),
        sa.Column("system", sa.String(63), nullable=False, index=True),
        sa.Column("partition_uuid", sa.String(36), nullable=False),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("processing_units", sa.Double, nullable=False),
        sa.Column("memory_mib", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("seq", counter, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("system", sa.String(63), nullable=False),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("migration_id", sa.String(64), nullable=False),
        sqlite_autoincrement=True,
    )
    _create_inventory()


def _create_migrations(counter: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "migrations",
        sa.Column("number", counter, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("partition_uuid", sa.String(36), nullable=False),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("source", sa.String(63), nullable=False),
        sa.Column("target", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("asked", sa.Boolean, nullable=False),
        sa.Column("halt", sa.String(16), nullable=False),
        sa.Column("throttled", sa.Boolean, nullable=False),
        sa.Column("leased", sa.Boolean, nullable=False),
        sa.Column("demand", sa.JSON, nullable=False),
        sa.Column("policy", sa.JSON, nullable=False),
        sa.Column("is_return", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.Column("phase_at", sa.JSON, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    unfinished = sa.text("phase NOT IN ('done', 'failed', 'stopped')")
    op.create_index(
        "one_unfinished_move",
        "migrations",
        ["partition_uuid"],
        unique=True,
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )


def _create_inventory() -> None:
    op.create_table(
        "systems",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("peer_uri", sa.Text, nullable=False),
        sa.Column("chassis", sa.String(63), nullable=False),
        sa.Column("mover", sa.JSON, nullable=False),
        sa.Column("processors", sa.Double),
        sa.Column("memory_mib", sa.BigInteger),
    )
    op.create_table(
        "seen_partitions",
        sa.Column(
            "system",
            sa.String(63),
            sa.ForeignKey("systems.name", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("processors", sa.Integer, nullable=False),
        sa.Column("memory_mib", sa.BigInteger, nullable=False),
        sa.Column("mark", sa.JSON(none_as_null=True)),
        sa.Column("rmc", sa.String(16), nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
