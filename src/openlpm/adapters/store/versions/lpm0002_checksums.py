"""Damage can be seen: a checksum in each row, the number of commits, the schema's digest.

The checksums themselves are written by `upgrade.py`, after every upgrade.
"""

import sqlalchemy as sa
from alembic import op

revision = "lpm0002"
down_revision = "lpm0001"

_TABLES = (*("leadership", "migrations", "reservations", "events", "systems", "seen_partitions"),)


def upgrade() -> None:
    """Add the columns."""
    for table in _TABLES:
        op.add_column(
            table, sa.Column("checksum", sa.BigInteger, nullable=False, server_default="0")
        )
    op.add_column(
        "leadership", sa.Column("writes", sa.BigInteger, nullable=False, server_default="0")
    )
    op.add_column(
        "leadership", sa.Column("layout", sa.String(64), nullable=False, server_default="")
    )
