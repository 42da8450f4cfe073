"""The pending queue as a Gold table sees it: what has to be recomputed, and the proof that it was."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.temporary_tables import make_empty

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

EVERYTHING = "*"
"""Role under which a table is told to recompute every row of a source; the id is empty."""

TAKEN = sql.Identifier("pg_temp", "gold_taken")
WANTED = sql.Identifier("pg_temp", "gold_wanted")
_WAITING = sql.Identifier("pg_temp", "gold_waiting")

_TAKE = """
INSERT INTO pg_temp.gold_taken
    SELECT role, id, seq FROM meta.pending WHERE consumer = %(consumer)s AND source_system = %(source)s;
INSERT INTO pg_temp.gold_wanted SELECT role, id FROM pg_temp.gold_taken
"""

_MENTION_VERSIONS = """
INSERT INTO pg_temp.gold_wanted
SELECT DISTINCT {role_name}, {role} FROM {versions}
WHERE source_system = %(source)s AND partition_date = %(day)s AND {role} IS NOT NULL
"""

_MENTION_IDS = "INSERT INTO pg_temp.gold_wanted SELECT {role}, id FROM ({mentions}) mentioned"

_NOTHING = """
SELECT NOT EXISTS (SELECT FROM meta.pending WHERE consumer = %(consumer)s AND source_system = %(source)s)
   AND NOT EXISTS (SELECT FROM meta.reflected
                   WHERE consumer = %(consumer)s AND source_system = %(source)s AND partition_date = %(day)s)
"""

_REFLECTED = """
SELECT EXISTS (SELECT FROM meta.reflected
               WHERE consumer = %(consumer)s AND source_system = %(source)s AND partition_date = %(day)s)
"""

_REMEMBER_REFLECTED = """
INSERT INTO meta.reflected (consumer, source_system, partition_date) VALUES (%(consumer)s, %(source)s, %(day)s)
ON CONFLICT DO NOTHING
"""

# Locked in the order in which writers insert, so that neither can hold a row the other waits for. A key written again
# in the meantime has another seq and stays.
_GIVE_BACK = """
SELECT FROM meta.pending p
WHERE p.consumer = %(consumer)s AND p.source_system = %(source)s
  AND EXISTS (SELECT FROM pg_temp.gold_taken t WHERE t.role = p.role AND t.id = p.id AND t.seq = p.seq)
ORDER BY p.role, p.id FOR UPDATE
"""

_SETTLE = """
DELETE FROM meta.pending p USING pg_temp.gold_taken t
WHERE p.consumer = %(consumer)s AND p.source_system = %(source)s AND p.role = t.role AND p.id = t.id AND p.seq = t.seq
  AND NOT EXISTS (SELECT FROM pg_temp.gold_waiting w WHERE w.role = t.role AND w.id = t.id)
"""

_KEEP_WAITING = """
INSERT INTO meta.pending (consumer, source_system, role, id)
SELECT %(consumer)s, %(source)s, role, id FROM pg_temp.gold_waiting ORDER BY role, id
ON CONFLICT DO NOTHING
"""

_MARK_EVERYTHING = """
INSERT INTO meta.pending (consumer, source_system, role, id)
SELECT %(consumer)s, source_system, %(everything)s, '' FROM silver_meta.source
WHERE %(source)s IS NULL OR source_system = %(source)s ORDER BY source_system
ON CONFLICT (consumer, source_system, role, id) DO UPDATE SET seq = nextval('meta.pending_seq')
"""


def nothing_wanted(cursor: Cursor, table: GoldTable, source: str, day: dt.date | None) -> bool:
    """Whether nothing is pending, for no day or for one that was not reflected before; the day then counts as such."""
    parameters = {"consumer": table.name, "source": source, "day": day}
    cursor.execute(_NOTHING, parameters)
    (nothing,) = _one(cursor)
    if nothing and day is not None:
        cursor.execute(_REMEMBER_REFLECTED, parameters)
    return bool(nothing)


def take(cursor: Cursor, table: GoldTable, source: str, day: dt.date | None) -> tuple[int, bool]:
    """Read what is pending into the temporary tables `gold_taken` and `gold_wanted`.

    Where the day was reflected in the table before, everything the day's partition mentions is wanted as well, so that
    materialising a day again recomputes it. Without a day only what is pending is read.

    Returns:
        How many pending keys were read, and whether everything is wanted.
    """
    parameters = {"consumer": table.name, "source": source, "day": day}
    make_empty(cursor, TAKEN, sql.SQL("(role text, id text, seq bigint)"))
    make_empty(cursor, WANTED, sql.SQL("(role text, id text)"))
    cursor.execute(_TAKE, parameters)
    cursor.execute("SELECT count(*), coalesce(bool_or(role = %s), false) FROM pg_temp.gold_taken", (EVERYTHING,))
    taken, everything = _one(cursor)
    if day is None:
        return int(taken), bool(everything)
    cursor.execute(_REFLECTED, parameters)
    (reflected,) = _one(cursor)
    if reflected and not everything:
        _mention(cursor, table, parameters)
    cursor.execute(_REMEMBER_REFLECTED, parameters)
    return int(taken), bool(everything)


def _mention(cursor: Cursor, table: GoldTable, parameters: dict[str, Any]) -> None:
    if table.mentions is not None:
        statement = sql.SQL(_MENTION_IDS).format(
            role=sql.Literal(table.consumes[0].role), mentions=sql.SQL(table.mentions)
        )
        cursor.execute(statement, parameters)
        return
    for consumed in table.consumes:
        statement = sql.SQL(_MENTION_VERSIONS).format(
            role_name=sql.Literal(consumed.role),
            role=sql.Identifier(consumed.role),
            versions=sql.Identifier("silver_versions", consumed.entity),
        )
        cursor.execute(statement, parameters)


def settle(cursor: Cursor, table: GoldTable, source: str, scope: sql.Identifier) -> int:
    """Take what was read off the queue, except what could not be placed yet.

    Returns:
        How many keys wait for their parent.
    """
    parameters = {"consumer": table.name, "source": source}
    make_empty(cursor, _WAITING, sql.SQL("(role text, id text)"))
    waiting = 0
    if table.waiting is not None:
        cursor.execute(
            sql.SQL("INSERT INTO pg_temp.gold_waiting {}").format(sql.SQL(table.waiting).format(scope=scope)),
            parameters,
        )
        waiting = cursor.rowcount
    cursor.execute(_GIVE_BACK, parameters)
    cursor.execute(_SETTLE, parameters)
    if waiting:
        cursor.execute(_KEEP_WAITING, parameters)
    return waiting


def mark_everything(cursor: Cursor, consumer: str, source: str | None = None) -> None:
    """Tell a table to recompute every row of a source, or of every source."""
    cursor.execute(_MARK_EVERYTHING, {"consumer": consumer, "source": source, "everything": EVERYTHING})


def _one(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    return () if row is None else tuple(row)
