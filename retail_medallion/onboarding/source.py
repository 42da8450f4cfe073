"""A source as the mapping tools see it: a session that can only read, its tables, and the columns of an extract."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import psycopg2.extensions
import pyarrow as pa
from psycopg2 import sql

from retail_medallion.bronze.block import EXTRACTED_AT, ExtractBlock, Mode
from retail_medallion.bronze.query import ExtractPlan, plan_extract
from retail_medallion.bronze.windows import Window
from retail_medallion.errors import DataContractError, SourceSchemaError
from retail_medallion.mapping import Block
from retail_medallion.storage.postgres.copy_out import open_query
from retail_medallion.storage.postgres.failures import translated
from retail_medallion.storage.postgres.session import ConnectionSettings, connect

STATEMENT_SECONDS = 60
"""Looking at a source is no load: a statement that takes longer is given up."""

_EXTRACTED_AT = pa.field(EXTRACTED_AT, pa.timestamp("us", "UTC"))
_TABLES = """
    SELECT n.nspname, c.relname, c.relkind::text, nullif(c.reltuples, -1)::bigint
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    ORDER BY 1, 2
"""
_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    ORDER BY 1, 2, a.attnum
"""
_UNIQUE = """
    SELECT array_agg(a.attname::text)
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
    WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY i.indexrelid
"""
_PLAIN_WORD = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class SourceTable:
    """A table or view of a source.

    Attributes:
        schema: Its schema.
        name: Its name.
        kind: `pg_class.relkind`: r table, p partitioned, v view, m materialised view, f foreign.
        rows: Rows as the server's statistics estimate them; None where it has none.
    """

    schema: str
    name: str
    kind: str
    rows: int | None

    @property
    def qualified(self) -> str:
        """`schema.table`, quoted where PostgreSQL needs it."""
        return f"{quoted_if_needed(self.schema)}.{quoted_if_needed(self.name)}"


def quoted_if_needed(name: str) -> str:
    """A name as SQL has to write it."""
    return name if _PLAIN_WORD.fullmatch(name) and name not in _RESERVED else '"' + name.replace('"', '""') + '"'


_RESERVED_WORDS = (
    "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create"
    " current_date current_time current_timestamp current_user default deferrable desc distinct do else end except"
    " false fetch for foreign from grant group having in initially intersect into lateral leading limit localtime"
    " localtimestamp not null offset on only or order placing primary references returning select session_user some"
    " symmetric table then to trailing true union unique user using variadic when where window with"
)
_RESERVED = frozenset(_RESERVED_WORDS.split())


class Source:
    """A read-only session on a source's database.

    Args:
        connection: Used alone by this object; use `open_source` to get one.
    """

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self.connection = connection

    @cached_property
    def tables(self) -> tuple[SourceTable, ...]:
        """Tables and views of the application, by schema and name."""
        return tuple(
            SourceTable(str(schema), str(name), str(kind), None if rows is None else int(str(rows)))
            for schema, name, kind, rows in self.ask(_TABLES)
        )

    @cached_property
    def columns(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Names of the columns of each table, by schema and table."""
        found: dict[tuple[str, str], list[str]] = {}
        for schema, table, column in self.ask(_COLUMNS):
            found.setdefault((str(schema), str(table)), []).append(str(column))
        return {table: tuple(names) for table, names in found.items()}

    def ask(self, query: str | sql.Composable, values: Sequence[object] | None = None) -> list[tuple[object, ...]]:
        """All rows of a question to the catalogue, or of any other small one."""
        with translated("the source"), self.connection.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    def plan(self, block: Block) -> ExtractPlan:
        """What a block extracts: it is planned by the server, and no row is read.

        Raises:
            SourceSchemaError: A table or column does not exist, or a type cannot be used.
            AccessDeniedError: The table may not be read.
            MappingError: The block has no way to tell the rows of a day.
        """
        extract = block.extract
        return plan_extract(
            self.connection,
            ExtractBlock(
                name=block.name,
                mode=Mode(extract.mode),
                key=extract.key,
                table=extract.table,
                query=extract.query,
                watermark=extract.watermark,
                document=extract.document,
            ),
        )

    def unique_keys(self, table: str) -> list[frozenset[str]]:
        """Sets of columns of which a table has no two rows alike."""
        return [frozenset(map(str, names)) for (names,) in self.ask(_UNIQUE, [table]) if isinstance(names, list)]

    def read(
        self, plan: ExtractPlan, columns: Sequence[str] | None, limit: int, *, window: Window | None, distinct: bool
    ) -> pa.Table:
        """Some rows of an extract, with the columns of `schema_of`; those that were not asked for are empty.

        Args:
            plan: The extract.
            columns: Columns to read; all where None.
            limit: Rows at most.
            window: Which day's rows, where the extract tells them; all where None.
            distinct: Only rows that differ in these columns.
        """
        chosen = [column.name for column in plan.columns if columns is None or column.name in columns]
        listed = sql.SQL(", ").join(map(sql.Identifier, chosen))
        query = sql.SQL("SELECT {}{} FROM ({}) AS rows LIMIT {}").format(
            sql.SQL("DISTINCT " if distinct else ""), listed, plan.select(window), sql.Literal(limit)
        )
        schema = schema_of(plan)
        if not chosen:
            return schema.empty_table()
        with open_query(self.connection, query) as reader:
            found = reader.read_all()
        at = pa.array([dt.datetime.now(dt.UTC)] * len(found), _EXTRACTED_AT.type)
        arrays = [
            at if field.name == EXTRACTED_AT else found[field.name] if field.name in chosen else _none(field, found)
            for field in schema
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    def explain(self, query: sql.Composable, *, seqscan: bool = True) -> dict[str, object]:
        """The server's plan of a query; the query is not run.

        Args:
            query: A SELECT.
            seqscan: Whether the plan may read whole tables although an index would do.
        """
        with translated("the source"), self.connection.cursor() as cursor:
            cursor.execute("SELECT set_config('enable_seqscan', %s, false)", ("on" if seqscan else "off",))
            cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) {}").format(query))
            ((found,),) = cursor.fetchall()
            cursor.execute("RESET enable_seqscan")
        plan: dict[str, object] = found[0]["Plan"]
        return plan


def _none(field: pa.Field, rows: pa.Table) -> pa.Array:
    return pa.nulls(len(rows), field.type)


def schema_of(plan: ExtractPlan) -> pa.Schema:
    """The columns a Bronze object of the extract has."""
    return pa.schema([*(column.field for column in plan.columns), _EXTRACTED_AT])


@contextlib.contextmanager
def open_source(settings: ConnectionSettings) -> Iterator[Source]:
    """Open a session that cannot write and gives up on slow statements.

    Raises:
        ServiceUnavailableError: The server does not answer.
        AccessDeniedError: It refuses the credentials.
    """
    connection = connect(settings)
    try:
        connection.set_session(readonly=True, autocommit=True)
        with translated(settings.where), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", (f"{STATEMENT_SECONDS}s",))
        yield Source(connection)
    finally:
        connection.close()


def without_repetition(source: Source, plan: ExtractPlan, columns: Sequence[str], limit: int) -> pa.Table:
    """Different values of some columns; rows as they come where a type of the source cannot be compared."""
    try:
        return source.read(plan, columns, limit, window=None, distinct=True)
    except (SourceSchemaError, DataContractError):
        return source.read(plan, columns, limit, window=None, distinct=False)
