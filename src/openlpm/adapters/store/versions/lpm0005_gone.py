"""Which of its servers a move was ended without. So far none was."""

import sqlalchemy as sa
from alembic import op

revision = "lpm0005"
down_revision = "lpm0004"


def upgrade() -> None:
    """Add the column."""
    op.add_column("migrations", sa.Column("gone", sa.String(63), nullable=False, server_default=""))
