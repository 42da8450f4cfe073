"""Compares Gold with a full recomputation from current Silver, table by table, and digests a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.fragments import cursor_of, names, of_source, temporary
from retail_medallion.gold.refresh import Refresh
from retail_medallion.gold.registry import TABLES, referencing

if TYPE_CHECKING:
    import sqlalchemy as sa


@dataclass(frozen=True)
class Difference:
    """How a stored table differs from its recomputation.

    Attributes:
        missing: Rows Silver gives that are not stored, or stored with other values.
        unexpected: Stored rows that Silver does not give, or gives with other values.
    """

    missing: int
    unexpected: int

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected)


def hold_tables(connection: sa.Connection) -> None:
    """Keep a rebuild from emptying the Gold tables until the transaction ends; readers and writers go on.

    First in a REPEATABLE READ transaction: a table that is emptied after the snapshot was taken shows no rows at all.
    """
    every = sql.SQL(", ").join([sql.Identifier("gold", name) for name in sorted(TABLES)])
    with cursor_of(connection) as cursor:
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(every))


def compare(connection: sa.Connection, source: str) -> dict[str, Difference]:
    """Recompute every Gold table of a source from current Silver and count the differences.

    Reads only. A sale that Gold has not taken up yet shows as a difference of `fct_sale` alone: tables that hang on it
    are compared with what can be placed now.

    Returns:
        Table name to difference; all of them are empty when nothing is pending.
    """
    differences: dict[str, Difference] = {}
    with cursor_of(connection) as cursor:
        refresh = Refresh(cursor, source)
        for table in TABLES.values():
            if not table.has_source:
                continue
            refresh.open_scope(table, sql.SQL(table.all_ids))
            refresh.stage(table, whole=True)
            differences[table.name] = _compare(refresh, table)
    return differences


def _compare(refresh: Refresh, table: GoldTable) -> Difference:
    parts = {
        "columns": names(table.column_names),
        "staged": temporary("staged", table),
        "target": sql.Identifier("gold", table.name),
        "belongs": of_source(table),
    }
    missing = refresh.count(
        "SELECT count(*) FROM (SELECT {columns}, row_hash FROM {staged} EXCEPT"
        " SELECT {columns}, row_hash FROM {target} t WHERE {belongs}) x",
        **parts,
    )
    unexpected = refresh.count(
        "SELECT count(*) FROM (SELECT {columns}, row_hash FROM {target} t WHERE {belongs} EXCEPT"
        " SELECT {columns}, row_hash FROM {staged}) x",
        **parts,
    )
    return Difference(missing, unexpected)


def digest(connection: sa.Connection, name: str) -> str:
    """Digest of a Gold table's rows, independent of their order; Gold holds no wall-clock time."""
    table = TABLES[name]
    with cursor_of(connection) as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'; SET LOCAL datestyle TO 'ISO, YMD'")
        cursor.execute(
            sql.SQL(
                "SELECT count(*) || '-' || coalesce(md5(string_agg(h, '' ORDER BY h)), '')"
                " FROM (SELECT md5(ROW({})::text) AS h FROM {}) x"
            ).format(names([*table.column_names, "row_hash"]), sql.Identifier("gold", name))
        )
        row = cursor.fetchone()
        return "" if row is None else str(row[0])


def unresolved(connection: sa.Connection, source: str) -> dict[str, int]:
    """Inferred members per dimension: what facts refer to and Silver does not know."""
    counts: dict[str, int] = {}
    with cursor_of(connection) as cursor:
        for table in TABLES.values():
            if table.has_members and referencing(table.name):
                cursor.execute(
                    sql.SQL("SELECT count(*) FROM {} WHERE source_system = %s AND is_inferred").format(
                        sql.Identifier("gold", table.name)
                    ),
                    (source,),
                )
                row = cursor.fetchone()
                counts[table.name] = 0 if row is None else int(row[0])
    return counts
