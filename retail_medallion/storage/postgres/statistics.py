"""Figures for the planner: ANALYZE of tables that changed a lot since the last one.

Autovacuum does this by itself, but only once a minute: a table that was filled a moment ago still counts as empty, and
a join planned for empty tables can take minutes instead of seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa
from psycopg2 import errors, sql

from retail_medallion.storage.postgres.catalogue import TableName
from retail_medallion.storage.postgres.failures import translated
from retail_medallion.storage.postgres.session import raw_connection

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

# Autovacuum's own rule with its default settings; the rows of a partitioned table are counted in its partitions.
_IS_STALE = """
    SELECT coalesce(sum(n_mod_since_analyze), 0) > 50 + 0.1 * coalesce(sum(n_live_tup), 0)
    FROM pg_stat_all_tables
    WHERE relid = %(table)s::regclass OR relid IN (SELECT relid FROM pg_partition_tree(%(table)s::regclass))
"""
_LOCK_TIMEOUT = "2s"


_WORTH_IT = 1_000
_GROWTH = 10
_KNOWN_ROWS = "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = %s::regclass"


def analyze_where_grown(cursor: Cursor, inserted: Mapping[TableName, int]) -> None:
    """Run ANALYZE, in the transaction that is open, on tables that it has just made a tenth larger or more.

    The statements that follow in the same transaction would be planned for a table as empty as it was before. Its lock
    lets readers and writers go on, and keeps others from analysing the table until the transaction ends.

    Args:
        cursor: In the transaction that inserted.
        inserted: Rows inserted, by table; a partition rather than its parent. Everybody has to name them in one order.
    """
    for table, rows in inserted.items():
        if rows < _WORTH_IT:
            continue
        cursor.execute(_KNOWN_ROWS, (table.identifier.as_string(cursor),))
        known = cursor.fetchone()
        if known is None or rows * _GROWTH > known[0]:
            cursor.execute(sql.SQL("ANALYZE {}").format(table.identifier))


def analyze_if_stale(engine: sa.Engine, tables: Iterable[TableName]) -> list[str]:
    """Run ANALYZE on those of the tables that autovacuum would analyse at its next turn.

    Each runs in a transaction of its own: its lock, kept until the end of a transaction, would let two loads wait for
    each other. A table that cannot be locked at once is being analysed or changed by somebody else, and is left alone.

    Args:
        engine: An engine on the database.
        tables: Tables that exist; partitioned ones with all their partitions.

    Returns:
        The tables that were analysed.
    """
    analysed = []
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        translated("statistics"),
        raw_connection(connection).cursor() as cursor,
    ):
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
        for table in tables:
            cursor.execute(_IS_STALE, {"table": table.identifier.as_string(cursor)})
            row = cursor.fetchone()
            if row is None or not row[0]:
                continue
            try:
                cursor.execute(sql.SQL("ANALYZE {}").format(table.identifier))
            except errors.LockNotAvailable:
                continue
            analysed.append(str(table))
    return analysed
