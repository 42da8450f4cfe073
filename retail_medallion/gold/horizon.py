"""The data horizon of a source: the first day it has not delivered whole. What is open or late is judged by it.

A clock would give another answer in each run. The horizon is a function of what Silver has recorded: the day after the
last partition that every loaded entity of the source has.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from retail_medallion.gold.definition import GoldTable

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

# One look into the index per entity: grouping would read every partition ever written.
_HORIZON = """
WITH RECURSIVE loaded AS (
    SELECT min(entity) AS entity FROM silver_meta.partition_state WHERE source_system = %(source)s
    UNION ALL
    SELECT (SELECT min(s.entity) FROM silver_meta.partition_state s
            WHERE s.source_system = %(source)s AND s.entity > loaded.entity)
    FROM loaded WHERE loaded.entity IS NOT NULL
)
SELECT min((SELECT max(s.partition_date) FROM silver_meta.partition_state s
            WHERE s.source_system = %(source)s AND s.entity = loaded.entity)) + 1
FROM loaded WHERE loaded.entity IS NOT NULL
"""

_REACHED = "SELECT horizon FROM meta.horizon_reached WHERE consumer = %s AND source_system = %s"

_REMEMBER = """
INSERT INTO meta.horizon_reached AS known (consumer, source_system, horizon) VALUES (%s, %s, %s)
ON CONFLICT (consumer, source_system) DO UPDATE SET horizon = excluded.horizon
WHERE known.horizon <> excluded.horizon
"""


def data_horizon(cursor: Cursor, source: str) -> dt.date | None:
    """The data horizon of a source; None before anything is loaded."""
    cursor.execute(_HORIZON, {"source": source})
    return _first(cursor)


def reached(cursor: Cursor, table: GoldTable, source: str) -> dt.date | None:
    """The horizon the table was last written at; None where it never was, or does not depend on it."""
    if table.horizon is None:
        return None
    cursor.execute(_REACHED, (table.name, source))
    return _first(cursor)


def remember(cursor: Cursor, table: GoldTable, source: str, horizon: dt.date | None) -> None:
    """Write down that the table was written at this horizon."""
    if table.horizon is not None and horizon is not None:
        cursor.execute(_REMEMBER, (table.name, source, horizon))


def _first(cursor: Cursor) -> dt.date | None:
    row = cursor.fetchone()
    return None if row is None else row[0]
