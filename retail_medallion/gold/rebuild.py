"""Empties the Gold tables, brings them to their declaration and fills them again: what `reshape` refuses to do unasked.

Readers wait until it is done and then see the whole. The tables stay the same tables, so grants and views stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.errors import ConfigurationError, SchemaDriftError
from retail_medallion.gold import shape, views
from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.registry import TABLES
from retail_medallion.gold.reshape import Difference, column_changes, difference, run
from retail_medallion.gold.schema import fill, open_books, register
from retail_medallion.gold.writer import GoldWriter

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild did.

    Attributes:
        rows: Rows written, by table.
        dropped: Tables and columns that were not declared any more, and are gone.
    """

    rows: Mapping[str, int]
    dropped: Sequence[str]


def rebuild(connection: sa.Connection) -> Rebuilt:
    """Rebuild all Gold tables from current Silver, in the caller's READ COMMITTED transaction.

    Raises:
        ConfigurationError: The database has no Silver.
        SchemaDriftError: A table cannot be altered, because of what others built on it.
    """
    with cursor_of(connection) as cursor:
        cursor.execute("SELECT to_regclass('silver_meta.source') IS NOT NULL")
        row = cursor.fetchone()
        if row is None or not row[0]:
            raise ConfigurationError("There is no Silver to make Gold from.", fix="Materialise a day first.")
        dropped = _alter(cursor)
        for table in TABLES.values():
            shape.comment(cursor, table)
            fill(cursor, table)
        register(cursor, set(TABLES))
        cursor.execute("SELECT source_system FROM silver_meta.source ORDER BY 1")
        sources = [source for (source,) in cursor.fetchall()]
    rows: dict[str, int] = {}
    for source in sources:
        for table in TABLES.values():
            if table.has_source:
                rows[table.name] = rows.get(table.name, 0) + GoldWriter(table.name, source).recompute(connection).rows
                # The planner takes a table just filled for an empty one, and the next would read it row by row.
                _analyze(connection, table)
    return Rebuilt(rows, dropped)


def _analyze(connection: sa.Connection, table: GoldTable) -> None:
    with cursor_of(connection) as cursor:
        cursor.execute(sql.SQL("ANALYZE {}").format(shape.identifier(table)))


def _alter(cursor: Cursor) -> list[str]:
    before = open_books(cursor)
    grants = views.drop(cursor, views.VIEWS)
    if before:
        every = sql.SQL(", ").join([sql.Identifier("gold", name) for name in sorted(before)])
        cursor.execute(sql.SQL("TRUNCATE {}").format(every))
    kept = {t.name: difference(cursor, t, before[t.name].written) for t in TABLES.values() if t.name in before}
    for name, found in kept.items():
        if found.other_partitions:
            raise SchemaDriftError(
                f"gold.{name} is partitioned by another column than declared.",
                where=f"gold.{name}",
                fix=f"DROP TABLE gold.{name}, DELETE its row in meta.gold_declaration, and run again.",
            )
    # Foreign keys go first and come last, because they hang on the keys of other tables.
    for name in kept:
        run(cursor, TABLES[name], [part.drop(TABLES[name]) for part in shape.parts(TABLES[name]) if part.is_reference])
    gone = sorted(set(before) - set(TABLES))
    for name in gone:
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("gold", name)))
        cursor.execute("DELETE FROM meta.consumer WHERE consumer = %s", (name,))
        cursor.execute("DELETE FROM meta.pending WHERE consumer = %s", (name,))
        cursor.execute("DELETE FROM meta.reflected WHERE consumer = %s", (name,))
        cursor.execute("DELETE FROM meta.horizon_reached WHERE consumer = %s", (name,))
        cursor.execute("DELETE FROM meta.gold_declaration WHERE table_name = %s", (name,))
    for name, found in kept.items():
        run(cursor, TABLES[name], _changes(TABLES[name], found))
    for table in TABLES.values():
        if table.name not in kept:
            shape.create(cursor, table)
    for name in kept:
        run(cursor, TABLES[name], [part.add(TABLES[name]) for part in shape.parts(TABLES[name]) if part.is_reference])
    views.create(cursor, views.declared(), grants)
    return [*gone, *(f"{name}.{column}" for name, found in kept.items() for column in found.extra)]


def _changes(table: GoldTable, found: Difference) -> list[sql.Composed]:
    target = shape.identifier(table)
    other = set(found.other_parts)
    # Only the name of what was declared is known here: it is a constraint or an index.
    either = [shape.Part(name, sql.SQL(""), is_index=i) for name in found.other_parts for i in (False, True)]
    statements = [part.drop(table) for part in either]
    statements += [
        sql.SQL("ALTER TABLE {} DROP COLUMN {}").format(target, sql.Identifier(name)) for name in found.extra
    ]
    statements += column_changes(table, found)
    new = {part.name for part in found.new_parts} | other
    statements += [part.add(table) for part in shape.parts(table) if part.name in new and not part.is_reference]
    return statements
