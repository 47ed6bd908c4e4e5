"""Several consoles on one database: who leads, and until when."""

import sqlalchemy as sa
from alembic import op

revision = "lpm0006"
down_revision = "lpm0005"


def upgrade() -> None:
    """Add the columns; so far nobody holds a lease."""
    op.add_column("leadership", sa.Column("holder", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "leadership", sa.Column("valid_until", sa.Double, nullable=False, server_default="0")
    )
