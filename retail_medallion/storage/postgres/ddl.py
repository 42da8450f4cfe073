"""Declared tables: created where they are missing, compared column by column where they exist."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg2.extensions
import pyarrow as pa
from psycopg2 import sql

from retail_medallion.errors import ConfigurationError, SchemaDriftError
from retail_medallion.storage.postgres.catalogue import TableColumn, TableName, table_columns
from retail_medallion.storage.postgres.encoders import plan_column
from retail_medallion.storage.postgres.failures import translated
from retail_medallion.storage.postgres.types import POSTGRES_TYPE

# A type is SQL that cannot be quoted or bound, so it is held to what a type can look like.
_TYPE_TEXT = re.compile(
    r'(?:[A-Za-z_][A-Za-z0-9_]*|"[^"\0]+")(?:[ .](?:[A-Za-z_][A-Za-z0-9_]*|"[^"\0]+"))*'
    r"(?:\(\s*-?\d+(?:\s*,\s*-?\d+)?\s*\))?(?: (?:with|without) time zone)?(?:\[\d*\])*"
)
_PROBE = "_declared_columns"


@dataclass(frozen=True)
class DeclaredColumn:
    """A column as somebody declared it.

    Attributes:
        name: The column's name.
        type: Its PostgreSQL type as SQL, e.g. ``numeric(12,2)`` or ``text[]``.
        not_null: Whether NULL is refused.
    """

    name: str
    type: str
    not_null: bool = False

    def definition(self) -> sql.Composable:
        """Give the column's part of CREATE TABLE.

        Raises:
            ConfigurationError: The type does not look like one.
        """
        if not _TYPE_TEXT.fullmatch(self.type):
            raise ConfigurationError(
                f"{self.type!r} is no PostgreSQL type",
                where=f"column {self.name!r}",
                fix="write it as CREATE TABLE would, e.g. numeric(12,2), text[] or timestamp with time zone",
            )
        not_null = sql.SQL(" NOT NULL") if self.not_null else sql.SQL("")
        return sql.SQL("{} {}{}").format(sql.Identifier(self.name), sql.SQL(self.type), not_null)


def declared_by_arrow(schema: pa.Schema) -> list[DeclaredColumn]:
    """Declare a table for an Arrow schema: the type in a field's metadata, else the nearest PostgreSQL type.

    Raises:
        ConfigurationError: A field's type has no PostgreSQL equivalent.
    """
    return [DeclaredColumn(field.name, _type_for(field), not field.nullable) for field in schema]


def create_if_missing(
    connection: psycopg2.extensions.connection, table: TableName, columns: Sequence[DeclaredColumn]
) -> bool:
    """Create a table, and its schema, unless they exist; the caller commits.

    Two writers creating the same table wait for one another instead of failing.

    Returns:
        Whether the table was created.
    """
    if table_columns(connection, table) is not None:
        return False
    with translated(f"creating table {table}"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"create {table}",))
        if table_columns(connection, table) is not None:
            return False
        if table.schema is not None:
            # IF NOT EXISTS still needs the right to create schemas, so it is asked only where it is missing.
            cursor.execute("SELECT to_regnamespace(quote_ident(%s)) IS NULL", (table.schema,))
            if (cursor.fetchone() or (False,))[0]:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"create {table.schema}",))
                cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(table.schema)))
        cursor.execute(
            sql.SQL("CREATE TABLE {} ({})").format(
                table.identifier, sql.SQL(", ").join(column.definition() for column in columns)
            )
        )
    return True


def declared_drift(
    connection: psycopg2.extensions.connection, declared: Sequence[DeclaredColumn], actual: Sequence[TableColumn]
) -> list[str]:
    """Compare a declaration with the table as it is; one sentence per difference, none where they agree.

    The declared types are read by PostgreSQL itself, so ``varchar(5)`` equals ``character varying(5)``.
    """
    probe = TableName(_PROBE, "pg_temp")
    with translated("reading the declared columns"), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(
                sql.Identifier(_PROBE), sql.SQL(", ").join(column.definition() for column in declared)
            )
        )
        expected = {column.name: column for column in table_columns(connection, probe) or []}
        cursor.execute(sql.SQL("DROP TABLE {}").format(probe.identifier))
    found = {column.name: column for column in actual}
    return _differences(
        {name: _told(column) for name, column in expected.items()},
        {name: _told(column) for name, column in found.items()},
    )


def data_drift(schema: pa.Schema, actual: Sequence[TableColumn]) -> list[str]:
    """Compare the columns of the data with the table's; one sentence per difference that forbids loading."""
    found = {column.name: column for column in actual}
    differences = []
    for name in schema.names:
        if name not in found:
            differences.append(f"column {name!r}: the data has it, the table does not")
            continue
        try:
            plan_column(name, schema.field(name).type, found[name].type)
        except SchemaDriftError as error:
            differences.append(f"column {name!r}: {error.why}")
    differences += [
        f"column {column.name!r}: the table has it ({column.type.text}), the data does not"
        for column in actual
        if column.name not in schema.names and not column.generated and not column.has_default
    ]
    return differences


def refuse_drift(differences: Sequence[str], table: TableName, partitions: str) -> None:
    """Raise one SchemaDriftError that names every difference.

    Args:
        differences: What the comparisons found; nothing happens where it is empty.
        table: The table compared.
        partitions: What was about to be written, for the message.
    """
    if differences:
        raise SchemaDriftError(
            f"Table {table} does not have the columns it should:\n    " + "\n    ".join(differences),
            where=f"table {table}, {partitions}",
            why="the declaration, the data or the table changed",
            fix="ALTER TABLE to match, or correct the declaration; nothing was written",
        )


def _told(column: TableColumn) -> str:
    return column.type.text + (" NOT NULL" if column.not_null else "")


def _differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    told = [
        f"column {name!r}: expected {type_text}, found {found.get(name, 'no such column')}"
        for name, type_text in expected.items()
        if found.get(name) != type_text
    ]
    return told + [
        f"column {name!r}: expected no such column, found {found[name]}" for name in found if name not in expected
    ]


def _type_for(field: pa.Field) -> str:
    carried = (field.metadata or {}).get(POSTGRES_TYPE)
    if carried is not None:
        return str(carried.decode())
    return _default_type(field.type, field.name)


def _default_type(kind: pa.DataType, name: str) -> str:
    if isinstance(kind, pa.BaseExtensionType):
        return "uuid" if kind == pa.uuid() else _default_type(kind.storage_type, name)
    if pa.types.is_dictionary(kind):
        return _default_type(kind.value_type, name)
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp with time zone" if kind.tz else "timestamp without time zone"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _default_type(kind.value_type, name) + "[]"
    for fits, text in _DEFAULTS:
        if fits(kind):
            return text
    raise ConfigurationError(
        f"Column {name!r} of type {kind} has no PostgreSQL equivalent",
        where=f"column {name!r}",
        fix="cast it where the data is made (text holds JSON), or declare the table's columns",
    )


_DEFAULTS = (
    (pa.types.is_boolean, "boolean"),
    (lambda kind: kind in {pa.int8(), pa.int16(), pa.uint8()}, "smallint"),
    (lambda kind: kind in {pa.int32(), pa.uint16()}, "integer"),
    (lambda kind: kind in {pa.int64(), pa.uint32()}, "bigint"),
    (lambda kind: kind == pa.uint64(), "numeric(20,0)"),
    (lambda kind: kind in {pa.float16(), pa.float32()}, "real"),
    (lambda kind: kind == pa.float64(), "double precision"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time without time zone"),
    (lambda kind: pa.types.is_duration(kind) or pa.types.is_interval(kind), "interval"),
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind), "text"),
    (pa.types.is_null, "text"),
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), "bytea"),
    (pa.types.is_fixed_size_binary, "bytea"),
)
