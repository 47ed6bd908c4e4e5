"""Which of its servers a move was ended without, and whether it was to go on by post-copy."""

import sqlalchemy as sa
from alembic import op

revision = "lpm0005"
down_revision = "lpm0004"


def upgrade() -> None:
    """Add the columns; no earlier move was either."""
    op.add_column("migrations", sa.Column("gone", sa.String(63), nullable=False, server_default=""))
    op.add_column(
        "migrations", sa.Column("switched", sa.Boolean, nullable=False, server_default=sa.false())
    )
