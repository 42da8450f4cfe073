"""What the catalogue says about a table: its name, quoted, and its columns."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg2.extensions
from psycopg2 import sql

from retail_medallion.errors import ConfigurationError, SourceSchemaError
from retail_medallion.storage.postgres.failures import translated
from retail_medallion.storage.postgres.types import PostgresType, resolve_types

MAX_IDENTIFIER_BYTES = 63


@dataclass(frozen=True)
class TableName:
    """A table's name, with or without a schema; never needs quoting by hand.

    Raises:
        ConfigurationError: A part is empty, longer than PostgreSQL's 63 bytes (it would be cut silently) or has a NUL.
    """

    name: str
    schema: str | None = None

    def __post_init__(self) -> None:
        for part in (self.name, self.schema):
            if part is not None and (not part or len(part.encode()) > MAX_IDENTIFIER_BYTES or "\0" in part):
                raise ConfigurationError(
                    f"{part!r} cannot name a table or a schema",
                    why=f"a name has 1 to {MAX_IDENTIFIER_BYTES} bytes and no NUL",
                    fix="choose another name",
                )

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read ``table`` or ``schema.table``; names with a dot in them are built from their parts instead."""
        schema, dot, name = text.rpartition(".")
        return cls(name, schema if dot else None)

    @property
    def identifier(self) -> sql.Composable:
        """The name quoted for SQL."""
        return sql.Identifier(self.name) if self.schema is None else sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class TableColumn:
    """One column of a table.

    Attributes:
        name: The column's name.
        type: Its type, domains resolved.
        not_null: Whether NULL is refused.
        generated: Whether PostgreSQL computes it (``GENERATED ALWAYS AS (..)``), so that it cannot be loaded.
        has_default: Whether it fills itself where a load leaves it out (a default or an identity).
    """

    name: str
    type: PostgresType
    not_null: bool
    generated: bool
    has_default: bool


def table_columns(connection: psycopg2.extensions.connection, table: TableName) -> list[TableColumn] | None:
    """List a table's columns in order, or None where there is no such table."""
    with translated(f"table {table}"), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)::oid::bigint", (table.identifier.as_string(cursor),))
        (relation,) = cursor.fetchone() or (None,)
        if relation is None:
            return None
        cursor.execute(
            """
            SELECT attname, atttypid::bigint, atttypmod, attnotnull, attgenerated <> '', atthasdef OR attidentity <> ''
            FROM pg_catalog.pg_attribute
            WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
            ORDER BY attnum
            """,
            (relation,),
        )
        rows = cursor.fetchall()
        types = resolve_types(cursor, [(oid, typmod) for _, oid, typmod, *_ in rows])
    return [
        TableColumn(name, found, not_null, generated, has_default and not generated)
        for (name, _, _, not_null, generated, has_default), found in zip(rows, types, strict=True)
    ]


def existing_columns(connection: psycopg2.extensions.connection, table: TableName) -> list[TableColumn]:
    """List a table's columns in order.

    Raises:
        SourceSchemaError: There is no such table.
    """
    columns = table_columns(connection, table)
    if columns is None:
        raise SourceSchemaError(f"There is no table {table}", fix="create it, or correct its name")
    return columns
