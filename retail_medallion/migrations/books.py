"""What a warehouse knows of its own shape: the revision it is at, and the model it was last found equal to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable

from retail_medallion.errors import SchemaDriftError
from retail_medallion.model import CanonicalModel
from retail_medallion.silver import tables, views
from retail_medallion.silver.findings.registry import consumed
from retail_medallion.silver.findings.relations import minor_unit_function

SCHEMA = "migrations"
VERSION_TABLE = "version"
VERSION_OPTIONS = {"version_table": VERSION_TABLE, "version_table_schema": SCHEMA}

_shape = sa.Table(
    "shape",
    sa.MetaData(),
    sa.Column("shape", sa.Text(), primary_key=True),
    schema=SCHEMA,
    comment="Fingerprint of the tables and views this warehouse was last found to have, all of them.",
)


def expected(model: CanonicalModel) -> sa.MetaData:
    """All tables of Silver and its books."""
    together = tables.model_metadata(model)
    for table in tables.metadata.tables.values():
        table.to_metadata(together)
    return together


def fingerprint(connection: sa.Connection, model: CanonicalModel) -> str:
    """A hash that changes with every table, column, comment, index and view, and with what findings listen to."""
    dialect, lines = connection.dialect, list[str]()
    for table in expected(model).sorted_tables:
        lines += [str(CreateTable(table).compile(dialect=dialect)), table.comment or ""]
        lines += [column.comment or "" for column in table.columns]
        lines += sorted(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
    lines += [views.fingerprint(connection, view) for view in views.views(model)]
    lines += [minor_unit_function(), *map(str, sorted(consumed(model)))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def is_empty(connection: sa.Connection) -> bool:
    """Whether there is no Silver yet."""
    return connection.scalar(sa.text("SELECT to_regclass('silver_meta.partition_state') IS NULL")) is True


def recorded_shape(connection: sa.Connection) -> str | None:
    """The fingerprint of what this warehouse was last found to have."""
    if connection.scalar(sa.text("SELECT to_regclass('migrations.shape') IS NULL")):
        return None
    return connection.scalar(sa.select(_shape.c.shape))


def record_shape(connection: sa.Connection, shape: str) -> None:
    """Write down what the warehouse has."""
    connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
    _shape.create(connection, checkfirst=True)
    connection.execute(_shape.delete())
    connection.execute(_shape.insert().values(shape=shape))


def revision(connection: sa.Connection) -> str | None:
    """The revision the warehouse is at; None where nobody wrote one down."""
    return MigrationContext.configure(connection, opts=VERSION_OPTIONS).get_current_revision()


def newest_revision() -> str:
    """The newest revision there is."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def revisions_after(current: str | None) -> Sequence[Script]:
    """Revisions a warehouse has not had yet, oldest first; one without a revision is taken to be at the first.

    Raises:
        SchemaDriftError: The warehouse is at a revision this version of the package does not have.
    """
    scripts = list(ScriptDirectory.from_config(_config()).walk_revisions())[::-1]
    names = [script.revision for script in scripts]
    if current is not None and current not in names:
        raise SchemaDriftError(
            f"The warehouse is at revision {current!r}, which is not known here.",
            why="a newer version of retail_medallion has migrated it",
            fix="Install that version, or a later one.",
        )
    return scripts[names.index(current) + 1 if current is not None else 1 :]


def stamp(connection: sa.Connection, wanted: str = "head") -> None:
    """Write down that the warehouse is at a revision."""
    connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
    command.stamp(_config(connection), wanted)


def upgrade(connection: sa.Connection) -> None:
    """Run the revisions the warehouse has not had yet, in the connection's transaction."""
    command.upgrade(_config(connection), "head")


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
