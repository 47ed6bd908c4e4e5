"""Moves without shared storage: which disks are copied, and whether their first copies stay."""

import sqlalchemy as sa
from alembic import op

revision = "lpm0007"
down_revision = "lpm0006"


def upgrade() -> None:
    """Add the columns; no earlier move copied a disk."""
    op.add_column("migrations", sa.Column("copies", sa.JSON, nullable=False, server_default="[]"))
    op.add_column(
        "migrations", sa.Column("keep_disks", sa.Boolean, nullable=False, server_default=sa.false())
    )
