"""Connections to the storage Dagster writes its events down in, kept instead of opened for each event.

What belongs here: how the process of a run holds them. What does not: connections to sources and to the warehouse.
"""

import time
from typing import Any

import dagster as dg
import psycopg2
import sqlalchemy as sa

_STATEMENT_TIMEOUT_MILLISECONDS = 60_000
_RECYCLE_SECONDS = 900
_MORE_AT_ONCE = 20
_TRUSTED_SECONDS = 1.0
_ASKED = "asked whether it is alive"


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Have this process use its connections to Dagster's storage again.

    Left alone, dagster-postgres opens one for every event: a third of the time of a run that finds nothing to do. What
    the webserver asks of the instance is asked here for a run. A storage that is not a server's takes no notice.
    """
    if not sa.event.contains(sa.pool.QueuePool, "checkout", _require_alive):
        sa.event.listen(sa.pool.QueuePool, "checkout", _require_alive)
    instance.optimize_for_webserver(
        statement_timeout=_STATEMENT_TIMEOUT_MILLISECONDS, pool_recycle=_RECYCLE_SECONDS, max_overflow=_MORE_AT_ONCE
    )


def _require_alive(connection: Any, record: Any, proxy: Any) -> None:  # noqa: ARG001 SQLAlchemy's signature
    """Have the pool open another connection where the server restarted while one was waiting."""
    now = time.monotonic()
    if (
        not isinstance(connection, psycopg2.extensions.connection)
        or now - record.info.get(_ASKED, 0) < _TRUSTED_SECONDS
    ):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise sa.exc.DisconnectionError from error
    record.info[_ASKED] = now
