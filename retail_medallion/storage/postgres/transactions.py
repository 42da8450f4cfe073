"""Whole transactions: locks first, retried when the server asks for it, their outcome known even if it hangs up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg2
import sqlalchemy as sa

from retail_medallion.errors import ConcurrentWriteError, ServiceUnavailableError, TransientError
from retail_medallion.storage.postgres.failures import sqlstate, translate, translated

ATTEMPTS = 5
"""How often a transaction is tried in all."""

LOCK_TIMEOUT_SECONDS = 600
"""How long a lock is waited for before LockTimeoutError."""

_FIRST_PAUSE_SECONDS = 0.2
_OUTCOME_CHECKS = 10

_T = TypeVar("_T")


def in_transaction(
    engine: sa.Engine,
    locks: Sequence[str],
    work: Callable[[sa.Connection], _T],
    *,
    where: str,
    may_repeat: Callable[[], bool] = lambda: True,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> _T:
    """Run ``work`` in one READ COMMITTED transaction and commit it.

    After a deadlock or a serialisation failure, or a lost connection, the whole transaction is begun anew, a few times,
    with growing random pauses. When the connection is lost during COMMIT the server is asked what became of the
    transaction, so that work is neither lost nor done twice.

    Args:
        engine: Where to connect.
        locks: Names of advisory transaction locks; taken in sorted order before anything is read.
        work: Called with the connection; must not commit, and must keep nothing from a call that failed.
        where: The table and partition, for messages.
        may_repeat: Asked before a repetition; False where ``work`` used up something that cannot be had again.
        lock_timeout_seconds: How long each lock is waited for.

    Raises:
        LockTimeoutError: A lock was not granted in time.
        ConcurrentWriteError: Deadlocks or serialisation failures did not end.
        ServiceUnavailableError: The server could not be reached.
        RetailMedallionError: Whatever ``work`` raises; the transaction is rolled back.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _once(engine, locks, work, where, lock_timeout_seconds)
        except (psycopg2.Error, sa.exc.DBAPIError, ConcurrentWriteError, ServiceUnavailableError) as error:
            failure = translate(error, where)
            again = isinstance(failure, ConcurrentWriteError | ServiceUnavailableError) and sqlstate(error) != "57014"
            if not again or attempt == ATTEMPTS or not may_repeat():
                # Raised from None: logs print the chain, and the original may quote a row.
                raise failure from None
        pause = _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
        time.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, no secret
    raise ServiceUnavailableError("The transaction could not be completed", where=where, fix="run again")


def _once(
    engine: sa.Engine,
    locks: Sequence[str],
    work: Callable[[sa.Connection], _T],
    where: str,
    lock_timeout_seconds: float,
) -> _T:
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        connection.execute(
            sa.text("SELECT set_config('lock_timeout', :milliseconds, true)"),
            {"milliseconds": f"{int(lock_timeout_seconds * 1000)}ms"},
        )
        for name in sorted(set(locks)):
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
        result = work(connection)
        # The id as text: it is only ever handed back to the server.
        transaction = connection.scalar(sa.text("SELECT pg_current_xact_id_if_assigned()::text"))
        try:
            connection.commit()
        except sa.exc.DBAPIError as error:
            if not _lost(error) or transaction is None or not _committed(engine, transaction, where):
                raise
        return result


def _lost(error: sa.exc.DBAPIError) -> bool:
    """Tell whether the connection went away, as opposed to the server refusing to commit."""
    state = sqlstate(error)
    return error.connection_invalidated or state is None or state.startswith(("08", "57P"))


def _committed(engine: sa.Engine, transaction: str, where: str) -> bool:
    """Ask the server what became of a transaction whose COMMIT got no answer.

    Raises:
        ServiceUnavailableError: It cannot be found out.
    """
    for check in range(_OUTCOME_CHECKS):
        time.sleep(min(_FIRST_PAUSE_SECONDS * 2**check, 5))
        try:
            with translated(where), engine.connect() as connection:
                status: Any = connection.scalar(
                    sa.text("SELECT pg_xact_status(CAST(:transaction AS xid8))"), {"transaction": transaction}
                )
        except TransientError:
            continue
        if status in {"committed", "aborted"}:
            return bool(status == "committed")
    raise ServiceUnavailableError(
        "The connection was lost during COMMIT and the outcome could not be found out",
        where=where,
        fix="run again: a replace gives the same result whether or not it was done before",
    )
