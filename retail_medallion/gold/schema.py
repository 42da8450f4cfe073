"""Creates Gold in a warehouse database that has Silver, and registers who wants to know of which changes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.errors import ConfigurationError
from retail_medallion.gold import keys, pending
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.fragments import cursor_of, names, placeholder_values
from retail_medallion.gold.registry import TABLES

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

_log = logging.getLogger(__name__)

_BOOKS = """
CREATE SCHEMA IF NOT EXISTS gold;
COMMENT ON SCHEMA gold IS 'Star schema: dimensions, facts and marts.';
CREATE TABLE IF NOT EXISTS meta.gold_declaration (
    table_name text PRIMARY KEY, shape text NOT NULL, content text NOT NULL, version text NOT NULL);
COMMENT ON TABLE meta.gold_declaration IS 'The declaration each Gold table was made and filled by.';
CREATE TABLE IF NOT EXISTS meta.reflected (
    consumer text, source_system text, partition_date date, PRIMARY KEY (consumer, source_system, partition_date));
COMMENT ON TABLE meta.reflected IS 'Days a Gold table was materialised for; a day that comes again is recomputed.';
CREATE INDEX IF NOT EXISTS transactions_by_sale_id ON silver.transactions (source_system, sale_id);
CREATE INDEX IF NOT EXISTS product_categories_by_parent_category_id
    ON silver.product_categories (source_system, parent_category_id)
"""

_FIXED_MEMBERS = (("(not applicable)", keys.NOT_APPLICABLE), ("(invalid)", keys.INVALID))


def ensure_schema(connection: sa.Connection) -> None:
    """Create what does not exist yet and bring changed declarations into effect. Needs the schemas of Silver.

    A table that is new, or whose declaration changed, starts with everything pending for every source. Where a change
    concerns columns or constraints, all Gold tables are made anew, empty: they are derived from Silver as a whole, and
    the next write fills them. Runs in the caller's transaction; does nothing but one query where all is as declared.

    Raises:
        ConfigurationError: The database's encoding is not UTF-8, which keys depend on.
    """
    with cursor_of(connection) as cursor:
        if _versions(cursor) == {table.name: _declared(table) for table in TABLES.values()}:
            return
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
        before = _versions(cursor)
        if any(name not in TABLES or TABLES[name].shape != shape for name, (shape, _, _) in before.items()):
            _log.warning("The columns of Gold changed: all Gold tables are made anew and filled by the next run.")
            before = {}
        if not before:
            _drop_all(cursor)
        for table in TABLES.values():
            if table.name not in before:
                _create(cursor, table)
            if before.get(table.name) != _declared(table):
                _comment(cursor, table, sql.Identifier("gold", table.name))
        _register(cursor, before)


def _declared(table: GoldTable) -> tuple[str, str, str]:
    return table.shape, table.content, table.version


def _drop_all(cursor: Cursor) -> None:
    cursor.execute("DELETE FROM meta.gold_declaration RETURNING table_name")
    for name in sorted({*TABLES, *(row[0] for row in cursor.fetchall())}):
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier("gold", name)))
        cursor.execute("DELETE FROM meta.consumer WHERE consumer = %s", (name,))
        cursor.execute("DELETE FROM meta.pending WHERE consumer = %s", (name,))
    cursor.execute("DELETE FROM meta.reflected")


def _versions(cursor: Cursor) -> dict[str, tuple[str, str, str]]:
    cursor.execute("SELECT to_regclass('meta.gold_declaration')")
    row = cursor.fetchone()
    if row is None or row[0] is None:
        return {}
    cursor.execute("SELECT table_name, shape, content, version FROM meta.gold_declaration")
    return {name: (shape, content, version) for name, shape, content, version in cursor.fetchall()}


def _register(cursor: Cursor, before: dict[str, tuple[str, str, str]]) -> None:
    # A Silver write that began before this commits may not know the new consumers: wait for it, so that its change is
    # in Silver when they read everything.
    cursor.execute("LOCK TABLE meta.consumer IN ACCESS EXCLUSIVE MODE")
    for table in TABLES.values():
        cursor.execute("DELETE FROM meta.consumer WHERE consumer = %s", (table.name,))
        for consumed in table.consumes:
            cursor.execute(
                "INSERT INTO meta.consumer VALUES (%s, %s, %s)", (table.name, consumed.entity, consumed.role)
            )
        declared = _declared(table)
        if table.consumes and before.get(table.name, ("", "", ""))[:2] != declared[:2]:
            pending.mark_everything(cursor, table.name)
        cursor.execute(
            "INSERT INTO meta.gold_declaration VALUES (%s, %s, %s, %s) ON CONFLICT (table_name)"
            " DO UPDATE SET shape = excluded.shape, content = excluded.content, version = excluded.version",
            (table.name, *declared),
        )


def _create(cursor: Cursor, table: GoldTable) -> None:
    target = sql.Identifier("gold", table.name)
    parts: list[sql.Composable] = [
        sql.SQL("{} {}{}").format(sql.Identifier(c.name), sql.SQL(c.type), sql.SQL("" if c.nullable else " NOT NULL"))
        for c in table.columns
    ]
    parts.append(sql.SQL("row_hash uuid NOT NULL"))
    parts.append(sql.SQL("CONSTRAINT {} PRIMARY KEY ({})").format(_named(table, "pk"), names(table.primary_key)))
    parts += [
        sql.SQL("CONSTRAINT {} UNIQUE ({})").format(_named(table, f"unique_{number}"), names(unique))
        for number, unique in enumerate(table.unique)
    ]
    parts += [
        sql.SQL("CONSTRAINT {} CHECK ({})").format(_named(table, check.name), sql.SQL(check.condition))
        for check in table.checks
    ]
    parts += [_foreign_key(table, c.name, c.references, nullable=c.nullable) for c in table.columns if c.references]
    storage: sql.Composable = sql.SQL(" WITH (fillfactor = 90)")
    if table.partition_column:
        storage = sql.SQL(" PARTITION BY RANGE ({})").format(sql.Identifier(table.partition_column))
    cursor.execute(sql.SQL("CREATE TABLE {} ({}){}").format(target, sql.SQL(", ").join(parts), storage))
    _index(cursor, table, target)
    if table.has_members:
        _add_fixed_members(cursor, table, target)
    if not table.has_source:
        _fill_once(cursor, table, target)


def _foreign_key(table: GoldTable, column: str, references: str, *, nullable: bool) -> sql.Composable:
    to = table if references == table.name else TABLES[references]
    action = ""
    if table.name in to.cascades:
        action = " ON DELETE CASCADE"
    elif table.name in to.loosens and nullable:
        action = " ON DELETE SET NULL"
    return sql.SQL("CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}").format(
        _named(table, f"{column}_fk"),
        sql.Identifier(column),
        sql.Identifier("gold", references),
        sql.Identifier(to.primary_key[0]),
        sql.SQL(action),
    )


def _index(cursor: Cursor, table: GoldTable, target: sql.Identifier) -> None:
    wanted = [*table.indexes]
    # Deleting an inferred member asks every table that may refer to it: each such column leads an index.
    led = {columns[0] for columns, _ in wanted} | {table.primary_key[0]}
    wanted += [((column,), ()) for column in table.dimension_references if column not in led]
    for columns, included in wanted:
        cursor.execute(
            sql.SQL("CREATE INDEX {} ON {} ({}){}").format(
                _named(table, "by_" + "_".join(columns)),
                target,
                names(columns),
                sql.SQL(" INCLUDE ({})").format(names(included)) if included else sql.SQL(""),
            )
        )
    for column in table.brin:
        cursor.execute(
            sql.SQL("CREATE INDEX {} ON {} USING brin ({})").format(
                _named(table, f"brin_{column}"), target, sql.Identifier(column)
            )
        )


def _comment(cursor: Cursor, table: GoldTable, target: sql.Identifier) -> None:
    text = f"{table.grain[0].upper()}{table.grain[1:]}."
    cursor.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(target, sql.Literal(text)))
    meanings = [(column.name, column.meaning) for column in table.columns]
    for name, meaning in [*meanings, ("row_hash", "hash of all other columns; a row is written only where it differs")]:
        cursor.execute(
            sql.SQL("COMMENT ON COLUMN {} IS {}").format(sql.Identifier("gold", table.name, name), sql.Literal(meaning))
        )


def _add_fixed_members(cursor: Cursor, table: GoldTable, target: sql.Identifier) -> None:
    rows = sql.SQL(", ").join(
        [
            sql.SQL("({}, {}::uuid, {})").format(sql.Literal(n), sql.Literal(str(k)), sql.Literal(n))
            for n, k in _FIXED_MEMBERS
        ]
    )
    cursor.execute(
        sql.SQL(
            "INSERT INTO {target} ({columns}, row_hash) SELECT {columns}, md5(ROW({columns})::text)::uuid"
            " FROM (SELECT {values} FROM (VALUES {rows}) m (id, key, label)) members"
        ).format(
            target=target,
            columns=names(table.column_names),
            values=placeholder_values(table, source=sql.SQL("''"), fixed=True),
            rows=rows,
        )
    )


def _fill_once(cursor: Cursor, table: GoldTable, target: sql.Identifier) -> None:
    cursor.execute(
        sql.SQL(
            "INSERT INTO {target} ({columns}, row_hash) SELECT {columns}, md5(ROW({columns})::text)::uuid"
            " FROM ({select}) filled"
        ).format(
            target=target,
            columns=names(table.column_names),
            select=sql.SQL(table.select).format(scope=sql.SQL("({})").format(sql.SQL(table.all_ids))),
        )
    )


def _named(table: GoldTable, part: str) -> sql.Identifier:
    return sql.Identifier(f"{table.name}_{part}"[:63])
