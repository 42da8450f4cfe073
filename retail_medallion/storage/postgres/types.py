"""PostgreSQL's types as Arrow types, decided by the catalogue and never by the values.

The rules are written down in ``docs/types.md``; :func:`arrow_type` is that table as code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg2.extensions
import pyarrow as pa
from psycopg2 import sql

from retail_medallion.errors import SourceSchemaError
from retail_medallion.storage.postgres.failures import translated

POSTGRES_TYPE = b"postgres_type"
"""Key of a field's metadata: the PostgreSQL type as ``format_type`` prints it."""

CARRIED_AS = b"postgres_carried_as"
"""Key of a field's metadata, ``text`` where a string stands in for a type Arrow does not have."""

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""Values for a query's placeholders, by position (``%s``) or by name (``%(name)s``)."""

UTC_TIMESTAMP = pa.timestamp("us", "UTC")
NAIVE_TIMESTAMP = pa.timestamp("us")

_TYPMOD_HEADER = 4
_DECIMAL128_DIGITS = 38
_DECIMAL256_DIGITS = 76
_NO_TYPMOD = -1
_NUMERIC_SCALE_BITS = 11
_DESCRIPTION_UNKNOWN = 0xFFFF

_SCALARS: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "name": pa.string(),
    "json": pa.string(),
    "jsonb": pa.string(),
    "xml": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": NAIVE_TIMESTAMP,
    "timestamptz": UTC_TIMESTAMP,
    "uuid": pa.uuid(),
}
# Arrow lists of extension types and of bytes are poorly supported by readers, so these elements stay text.
_TEXT_IN_LISTS = frozenset({"uuid", "bytea"})


@dataclass(frozen=True)
class PostgresType:
    """A type as the catalogue knows it, domains resolved to their base.

    Attributes:
        name: ``pg_type.typname``, e.g. ``timestamptz``.
        builtin: Whether the type lives in ``pg_catalog``.
        text: ``format_type``, e.g. ``numeric(12,2)``.
        typmod: The modifier (length, precision and scale), -1 where there is none.
        kind: ``pg_type.typtype``: b base, e enum, c composite, r range, m multirange, p pseudo.
        element: The element's type where this is an array.
    """

    name: str
    builtin: bool
    text: str
    typmod: int
    kind: str
    element: PostgresType | None = None

    def is_builtin(self, *names: str) -> bool:
        """Tell whether this is one of the named types of ``pg_catalog``."""
        return self.builtin and self.name in names

    @property
    def precision_and_scale(self) -> tuple[int, int] | None:
        """Digits and decimals of a constrained ``numeric``; None where the type does not say."""
        if not self.is_builtin("numeric") or self.typmod < _TYPMOD_HEADER:
            return None
        packed = self.typmod - _TYPMOD_HEADER
        sign = 1 << (_NUMERIC_SCALE_BITS - 1)
        scale = ((packed & ((1 << _NUMERIC_SCALE_BITS) - 1)) ^ sign) - sign
        return packed >> 16, scale


@dataclass(frozen=True)
class QueryColumn:
    """One column of a query's result.

    Attributes:
        name: The column's name in the result.
        type: Its PostgreSQL type.
        field: The Arrow field: name, type, always nullable, the PostgreSQL type in the metadata.
        wire: The expression that sends the column, or None where it is sent as it is.
    """

    name: str
    type: PostgresType
    field: pa.Field
    wire: sql.Composable | None = None

    @property
    def postgres_type(self) -> str:
        """The type as ``format_type`` prints it, e.g. ``numeric(12,2)``."""
        return self.type.text


def arrow_type(postgres_type: PostgresType) -> pa.DataType:
    """Choose the Arrow type that carries a PostgreSQL type exactly; text where Arrow has none."""
    if postgres_type.element is not None:
        return pa.list_(_element_type(postgres_type.element))
    digits = postgres_type.precision_and_scale
    if digits is not None:
        return _decimal_type(*digits)
    if postgres_type.builtin:
        return _SCALARS.get(postgres_type.name, pa.string())
    return pa.string()


def arrow_field(name: str, postgres_type: PostgresType) -> pa.Field:
    """Make the Arrow field of a column, with the PostgreSQL type in its metadata."""
    chosen = arrow_type(postgres_type)
    metadata = {POSTGRES_TYPE: postgres_type.text.encode()}
    if _stands_in(postgres_type, chosen):
        metadata[CARRIED_AS] = b"text"
    return pa.field(name, chosen, nullable=True, metadata=metadata)


def describe_query(
    connection: psycopg2.extensions.connection, query: sql.Composable | str, parameters: Parameters | None = None
) -> list[QueryColumn]:
    """Find names and types of a query's columns; the query is planned, not run.

    Args:
        connection: Used within its current transaction; nothing is committed.
        query: A SELECT (or VALUES, or WITH .. SELECT), without a trailing semicolon.
        parameters: Values for ``%s`` placeholders. Without any, a percent sign is just a percent sign.

    Raises:
        SourceSchemaError: The query does not compile, has no columns, or two columns share a name.
    """
    with translated("describing the query"), connection.cursor() as cursor:
        bound = bound_query(cursor, query, parameters)
        cursor.execute(sql.SQL("SELECT * FROM ({query}\n) AS query LIMIT 0").format(query=bound))
        described = list(cursor.description or ())
        names = [column.name for column in described]
        types = resolve_types(cursor, _origins(cursor, described))
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not names:
        raise SourceSchemaError(
            f"Columns {', '.join(map(repr, repeated))} occur twice in the query"
            if names
            else "A query without columns",
            fix="give every column of the query a name of its own",
        )
    return [
        QueryColumn(name, found, arrow_field(name, found), _wire_expression(name, found))
        for name, found in zip(names, types, strict=True)
    ]


def bound_query(
    cursor: psycopg2.extensions.cursor, query: sql.Composable | str, parameters: Parameters | None
) -> sql.Composable:
    """Put parameters into a query by the driver's quoting, because COPY takes no parameters of its own."""
    composed = query if isinstance(query, sql.Composable) else sql.SQL(query)
    if not parameters:
        return composed
    return sql.SQL(cursor.mogrify(composed, parameters).decode())


def resolve_types(cursor: psycopg2.extensions.cursor, wanted: Sequence[tuple[int, int]]) -> list[PostgresType]:
    """Look types up by (oid, typmod); domains become their base type, arrays know their element."""
    cursor.execute(
        """
        WITH RECURSIVE resolved(position, type, typmod) AS (
            SELECT position, type, typmod
            FROM unnest(%s::bigint[], %s::integer[]) WITH ORDINALITY AS wanted(type, typmod, position)
            UNION ALL
            SELECT resolved.position, t.typbasetype::bigint, t.typtypmod
            FROM resolved JOIN pg_catalog.pg_type t ON t.oid = resolved.type WHERE t.typtype = 'd'
        )
        SELECT t.typname, t.typnamespace = 'pg_catalog'::regnamespace, format_type(t.oid, resolved.typmod),
               resolved.typmod, t.typtype::text,
               CASE WHEN t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0
                    AND t.typname NOT IN ('int2vector', 'oidvector') THEN t.typelem::bigint END
        FROM resolved JOIN pg_catalog.pg_type t ON t.oid = resolved.type
        WHERE t.typtype <> 'd'
        ORDER BY resolved.position
        """,
        ([oid for oid, _ in wanted], [typmod for _, typmod in wanted]),
    )
    rows = cursor.fetchall()
    arrays = [(element, typmod) for *_, typmod, _, element in rows if element is not None]
    elements = iter(resolve_types(cursor, arrays) if arrays else [])
    return [
        PostgresType(name, builtin, text, typmod, kind, None if element is None else next(elements))
        for name, builtin, text, typmod, kind, element in rows
    ]


def _origins(
    cursor: psycopg2.extensions.cursor, described: Sequence[psycopg2.extensions.Column]
) -> list[tuple[int, int]]:
    """Give (type oid, typmod) of each column: of the table column it comes from, else of the expression."""
    tables = [column.table_oid or 0 for column in described]
    numbers = [column.table_column or 0 for column in described]
    cursor.execute(
        """
        SELECT a.atttypid::bigint, a.atttypmod
        FROM unnest(%s::bigint[], %s::integer[]) WITH ORDINALITY AS origin(relation, number, position)
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = origin.relation AND a.attnum = origin.number
        ORDER BY origin.position
        """,
        (tables, numbers),
    )
    return [
        (column.type_code, _typmod_of(column)) if oid is None else (oid, typmod)
        for column, (oid, typmod) in zip(described, cursor.fetchall(), strict=True)
    ]


def _typmod_of(column: psycopg2.extensions.Column) -> int:
    """Rebuild the type modifier of an expression from what the driver makes of it.

    The driver keeps it for variable-length types only (as their size). For the others it limits what may be stored,
    which says nothing about a value that is already there.
    """
    if column.precision is not None and column.scale is not None:
        if column.precision == _DESCRIPTION_UNKNOWN:
            return _NO_TYPMOD
        return int((column.precision << 16) | column.scale) + _TYPMOD_HEADER
    return _NO_TYPMOD


def _wire_expression(name: str, postgres_type: PostgresType) -> sql.Composable | None:
    element = postgres_type.element
    if element is None:
        return None
    column = sql.Identifier(name)
    # A blank-padded element would lose its padding in a cast to text; JSON numbers would lose digits without one.
    as_texts = column if element.is_builtin("bpchar") else sql.SQL("{}::text[]").format(column)
    # Lists have neither dimensions nor bounds: such an array arrives as an object, which the parser refuses by name.
    return sql.SQL(
        "CASE WHEN array_ndims({column}) > 1 OR array_lower({column}, 1) <> 1 THEN '{{}}'"
        " ELSE array_to_json({as_texts})::text END"
    ).format(column=column, as_texts=as_texts)


def _element_type(element: PostgresType) -> pa.DataType:
    if element.element is not None or element.is_builtin(*_TEXT_IN_LISTS):
        return pa.string()
    return arrow_type(element)


def _decimal_type(precision: int, scale: int) -> pa.DataType:
    # PostgreSQL allows a negative scale (rounded left of the point) and one larger than the precision; Parquet neither.
    digits, decimals = (precision - scale, 0) if scale < 0 else (max(precision, scale), scale)
    if digits <= _DECIMAL128_DIGITS:
        return pa.decimal128(digits, decimals)
    if digits <= _DECIMAL256_DIGITS:
        return pa.decimal256(digits, decimals)
    return pa.string()


def _stands_in(postgres_type: PostgresType, chosen: pa.DataType) -> bool:
    if postgres_type.element is not None:
        return _stands_in(postgres_type.element, chosen.value_type)
    if not pa.types.is_string(chosen) or postgres_type.kind == "e":
        return False
    return not postgres_type.is_builtin("text", "varchar", "bpchar", "name", "json", "jsonb", "xml")
