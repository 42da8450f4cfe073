"""What Alembic runs: the revisions, on the connection of whoever asked and in their transaction."""

from __future__ import annotations

from alembic import context

from retail_medallion.migrations import books

context.configure(
    connection=context.config.attributes["connection"],
    version_table=books.VERSION_TABLE,
    version_table_schema=books.SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
