"""Whether the operator allows a system what is not encrypted. So far nobody was asked."""

import sqlalchemy as sa
from alembic import op

revision = "lpm0004"
down_revision = "lpm0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "systems", sa.Column("insecure", sa.Boolean, nullable=False, server_default=sa.false())
    )
