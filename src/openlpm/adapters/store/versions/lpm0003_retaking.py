"""A move knows that it may have paused the source itself, to let it take its lease again."""

import sqlalchemy as sa
from alembic import op

revision = "lpm0003"
down_revision = "lpm0002"


def upgrade() -> None:
    """Add the column; no earlier move has."""
    op.add_column(
        "migrations", sa.Column("retaking", sa.Boolean, nullable=False, server_default=sa.false())
    )
