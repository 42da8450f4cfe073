"""What the Gold tables of a source still have to take up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.horizon import data_horizon, reached
from retail_medallion.gold.registry import TABLES
from retail_medallion.storage.postgres.session import raw_connection

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

_WANTED = sql.Identifier("pg_temp", "check_wanted")
_SCOPE = sql.Identifier("pg_temp", "check_scope")

_QUEUE = "SELECT consumer, count(*), min(since) FROM meta.pending WHERE source_system = %(source)s GROUP BY 1"

_OPEN = """
DROP TABLE IF EXISTS pg_temp.check_wanted, pg_temp.check_scope;
CREATE TEMP TABLE check_wanted ON COMMIT DROP AS
    SELECT role, id, since FROM meta.pending WHERE consumer = %(consumer)s AND source_system = %(source)s;
CREATE TEMP TABLE check_scope ON COMMIT DROP AS SELECT DISTINCT ids.id FROM ({ids}) ids WHERE ids.id IS NOT NULL
"""

_READY = """
SELECT count(*), min(p.since) FROM pg_temp.check_wanted p
WHERE NOT EXISTS (SELECT FROM ({waiting}) w WHERE w.role = p.role AND w.id = p.id)
"""


@dataclass(frozen=True)
class Pending:
    """What one Gold table still has to take up.

    Attributes:
        ready: Keys the next run takes up.
        since: When the oldest of them became pending.
        waiting: Keys that wait for a parent that is not in Gold, such as lines of an unknown sale.
        behind: The data horizon the table was last written at, where the data reach further by now.
        horizon: The data horizon of the source.
    """

    ready: int = 0
    since: dt.datetime | None = None
    waiting: int = 0
    behind: dt.date | None = None
    horizon: dt.date | None = None

    @property
    def is_up_to_date(self) -> bool:
        """Whether the next run has nothing to do."""
        return not self.ready and self.behind is None


def pending_of(connection: sa.Connection, source: str) -> Mapping[str, Pending]:
    """What is pending for every Gold table of a source; one look at the queue where nothing is.

    Args:
        connection: On the warehouse, in a transaction.
        source: Code of the source.
    """
    with raw_connection(connection).cursor() as cursor:
        cursor.execute(_QUEUE, {"source": source})
        queue = {consumer: (count, since) for consumer, count, since in cursor.fetchall()}
        horizon = data_horizon(cursor, source)
        found: dict[str, Pending] = {}
        for table in TABLES.values():
            if not table.has_source:
                continue
            count, since = queue.get(table.name, (0, None))
            waiting = 0
            if count and table.waiting is not None:
                ready, since = _ready(cursor, table, source, horizon)
                count, waiting = ready, count - ready
            written_at = reached(cursor, table, source)
            behind = written_at if written_at is not None and horizon is not None and written_at < horizon else None
            found[table.name] = Pending(count, since, waiting, behind, horizon)
        return found


def _ready(cursor: Cursor, table: GoldTable, source: str, horizon: dt.date | None) -> tuple[int, dt.datetime | None]:
    parameters = {"consumer": table.name, "source": source, "horizon": horizon}
    ids = sql.SQL(table.expand or "SELECT id FROM {wanted}").format(wanted=_WANTED)
    cursor.execute(sql.SQL(_OPEN).format(ids=ids), parameters)
    waiting = sql.SQL(str(table.waiting)).format(scope=_SCOPE)
    cursor.execute(sql.SQL(_READY).format(waiting=waiting), parameters)
    count, since = cursor.fetchone() or (0, None)
    return int(count), since
