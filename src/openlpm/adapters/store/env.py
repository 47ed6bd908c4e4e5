"""Alembic's entry point: run by `upgrade.py` on a connection whose transaction it has begun."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
