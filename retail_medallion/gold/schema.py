"""Creates Gold in a warehouse database that has Silver, and registers who wants to know of which changes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.errors import ConfigurationError, SchemaDriftError
from retail_medallion.gold import keys, pending, shape, views
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.fragments import cursor_of, names, placeholder_values
from retail_medallion.gold.registry import TABLES, writing_lock
from retail_medallion.gold.reshape import REBUILD, reshape

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

_BOOKS = """
CREATE SCHEMA IF NOT EXISTS gold;
COMMENT ON SCHEMA gold IS 'Star schema: dimensions, facts and marts.';
CREATE TABLE IF NOT EXISTS meta.gold_declaration (
    table_name text PRIMARY KEY, shape text NOT NULL, content text NOT NULL, version text NOT NULL);
ALTER TABLE meta.gold_declaration ADD COLUMN IF NOT EXISTS written jsonb;
COMMENT ON COLUMN meta.gold_declaration.written IS 'Constraints and indexes of the table as they were declared.';
COMMENT ON TABLE meta.gold_declaration IS 'The declaration each Gold table was made and filled by.';
CREATE TABLE IF NOT EXISTS meta.reflected (
    consumer text, source_system text, partition_date date, PRIMARY KEY (consumer, source_system, partition_date));
COMMENT ON TABLE meta.reflected IS 'Days a Gold table was materialised for; a day that comes again is recomputed.';
CREATE TABLE IF NOT EXISTS meta.horizon_reached (
    consumer text, source_system text, horizon date NOT NULL, PRIMARY KEY (consumer, source_system));
COMMENT ON TABLE meta.horizon_reached IS
    'Data horizon a Gold table was last written at, where its rows depend on it.';
-- Exclusion constraints compare keys as well as ranges.
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA meta;
CREATE INDEX IF NOT EXISTS transactions_by_sale_id ON silver.transactions (source_system, sale_id);
CREATE INDEX IF NOT EXISTS product_categories_by_parent_category_id
    ON silver.product_categories (source_system, parent_category_id)
"""

_FIXED_MEMBERS = (("(not applicable)", keys.NOT_APPLICABLE), ("(invalid)", keys.INVALID))


def ensure_schema(connection: sa.Connection) -> None:
    """Create what does not exist yet and bring changed declarations into effect. Needs the schemas of Silver.

    A table that is new, or whose rows are declared otherwise, has everything pending for every source. A table whose
    columns, constraints or indexes are declared otherwise is altered, never dropped. Runs in the caller's transaction;
    does nothing but two queries where all is as declared.

    Raises:
        ConfigurationError: The database's encoding is not UTF-8, which keys depend on.
        SchemaDriftError: A table cannot be altered to what is declared, or is not declared any more.
    """
    with cursor_of(connection) as cursor:
        as_declared = {t.name: _declared(t) for t in TABLES.values()}
        if {n: r.versions for n, r in _records(cursor).items()} == as_declared and not views.outdated(cursor):
            return
        before = open_books(cursor)
        if gone := sorted(set(before) - set(TABLES)):
            raise SchemaDriftError(
                "Tables of Gold are not declared any more.",
                where=", ".join(f"gold.{name}" for name in gone),
                why="Nothing keeps them up to date, and readers would not know.",
                fix=f"{REBUILD} drops them.",
            )
        changed_views = views.outdated(cursor)
        grants = views.drop(cursor, changed_views)
        for table in TABLES.values():
            record = before.get(table.name)
            if record is None:
                shape.create(cursor, table)
            else:
                reshape(cursor, table, record.written)
            if record is None or record.versions != _declared(table):
                shape.comment(cursor, table)
            if record is None or record.content != table.content:
                fill(cursor, table)
        changed = {t.name for t in TABLES.values() if t.name not in before or before[t.name].content != t.content}
        register(cursor, changed)
        views.create(cursor, changed_views, grants)


@dataclass(frozen=True)
class Record:
    """What is written down about a table: hashes of the declaration it was made and filled by, and `shape.written`."""

    shape: str
    content: str
    version: str
    written: Mapping[str, str] | None

    @property
    def versions(self) -> tuple[str, str, str]:
        """The hashes."""
        return self.shape, self.content, self.version


def open_books(cursor: Cursor) -> dict[str, Record]:
    """Keep everybody else from changing or writing Gold until the transaction ends; what is written down of each table.

    Raises:
        ConfigurationError: The database's encoding is not UTF-8, which keys depend on.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('retail_medallion.schema', 0))")
    cursor.execute("SELECT current_setting('server_encoding')")
    row = cursor.fetchone()
    if row is None or row[0] != "UTF8":
        raise ConfigurationError(
            "The warehouse database must have the encoding UTF8.",
            why="Surrogate keys are hashes of UTF-8 text.",
            fix="Create the database with ENCODING 'UTF8' TEMPLATE template0.",
        )
    cursor.execute(_BOOKS)
    cursor.execute(keys.CREATE_FUNCTIONS)
    records = _records(cursor)
    # Writers of an older declaration hold these while they read and write the tables.
    cursor.execute("SELECT source_system FROM silver_meta.source")
    sources = [source for (source,) in cursor.fetchall()]
    for lock in sorted(writing_lock(table, source) for table in {*records, *TABLES} for source in sources):
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (lock,))
    return records


def register(cursor: Cursor, changed: Collection[str]) -> None:
    """Write down all declarations and who wants to know of what; for the changed tables everything becomes pending."""
    # A Silver write that began before this commits may not know the new consumers: wait for it, so that its change is
    # in Silver when they read everything.
    cursor.execute("LOCK TABLE meta.consumer IN ACCESS EXCLUSIVE MODE")
    for table in TABLES.values():
        cursor.execute("DELETE FROM meta.consumer WHERE consumer = %s", (table.name,))
        for consumed in table.consumes:
            cursor.execute(
                "INSERT INTO meta.consumer VALUES (%s, %s, %s)", (table.name, consumed.entity, consumed.role)
            )
        if table.consumes and table.name in changed:
            pending.mark_everything(cursor, table.name)
        cursor.execute(
            "INSERT INTO meta.gold_declaration (table_name, shape, content, version, written)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (table_name) DO UPDATE SET shape = excluded.shape,"
            " content = excluded.content, version = excluded.version, written = excluded.written",
            (table.name, *_declared(table), json.dumps(shape.written(cursor, table))),
        )


def fill(cursor: Cursor, table: GoldTable) -> None:
    """Write the rows that belong to no source: the fixed members of a dimension, the days of the calendar."""
    if table.has_members:
        values = sql.SQL(", ").join(
            [
                sql.SQL("({}, {}::uuid, {})").format(sql.Literal(n), sql.Literal(str(k)), sql.Literal(n))
                for n, k in _FIXED_MEMBERS
            ]
        )
        _upsert(
            cursor,
            table,
            sql.SQL("SELECT {} FROM (VALUES {}) m (id, key, label)").format(
                placeholder_values(table, source=sql.SQL("''"), fixed=True), values
            ),
        )
    elif not table.has_source:
        ids = sql.SQL("({})").format(sql.SQL(table.all_ids))
        _upsert(cursor, table, sql.SQL(table.select).format(scope=ids))


def _upsert(cursor: Cursor, table: GoldTable, rows: sql.Composable) -> None:
    stored = [*table.column_names, "row_hash"]
    cursor.execute(
        sql.SQL(
            "INSERT INTO {target} AS t ({stored})"
            " SELECT {columns}, md5(ROW({columns})::text)::uuid FROM ({rows}) filled"
            " ON CONFLICT ({key}) DO UPDATE SET {updates} WHERE t.row_hash <> excluded.row_hash"
        ).format(
            target=shape.identifier(table),
            stored=names(stored),
            columns=names(table.column_names),
            rows=rows,
            key=names(table.primary_key),
            updates=sql.SQL(", ").join([sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in stored]),
        )
    )


def _declared(table: GoldTable) -> tuple[str, str, str]:
    return table.shape, table.content, table.version


def _records(cursor: Cursor) -> dict[str, Record]:
    cursor.execute("SELECT to_regclass('meta.gold_declaration')")
    row = cursor.fetchone()
    if row is None or row[0] is None:
        return {}
    cursor.execute("SELECT to_jsonb(d) FROM meta.gold_declaration d")
    return {
        found["table_name"]: Record(found["shape"], found["content"], found["version"], found.get("written"))
        for (found,) in cursor.fetchall()
    }
