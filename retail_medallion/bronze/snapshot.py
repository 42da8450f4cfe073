"""One exported snapshot of a source: everything a run reads there, it reads as of the same instant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from retail_medallion.errors import ConfigurationError, ServiceUnavailableError
from retail_medallion.storage.postgres.failures import translated
from retail_medallion.storage.postgres.session import fix_wire_settings

Connection = psycopg2.extensions.connection

# What PostgreSQL says, in one version or another, of an exported snapshot whose transaction has ended.
_GONE = (
    psycopg2.errors.UndefinedObject,
    psycopg2.errors.InvalidParameterValue,
    psycopg2.errors.ObjectNotInPrerequisiteState,
)


@dataclass(frozen=True)
class SessionLimits:
    """How long a session on a source may take, in milliseconds; 0 means without limit.

    Attributes:
        statement: One statement, so also the extract of one day.
        lock: Waiting for a lock; an extract waits only for somebody who changes the table itself.
        idle: Idle within the transaction. The coordinator is idle for as long as the run takes.
    """

    statement: int = 3_600_000
    lock: int = 30_000
    idle: int = 86_400_000


@dataclass(frozen=True)
class ExportedSnapshot:
    """What another process has to know to read the same snapshot while its holder keeps it open.

    Attributes:
        snapshot_id: PostgreSQL's name of the exported snapshot.
        taken_at: When the snapshot was taken, by the clock of the source.
        server_version: Version of the source's server, as it prints it.
    """

    snapshot_id: str
    taken_at: datetime
    server_version: str


class SourceSnapshot:
    """A read-only snapshot of one source, shared by all extracts of a run; use as a context manager.

    The coordinator holds the snapshot open in a transaction of its own; every worker imports it.

    Args:
        connect: Opens a connection to the source.
        limits: Timeouts of the sessions.
        source: Names the source in messages.
        exported: A snapshot that another process holds open; by default a new one is taken and held here.

    Attributes:
        snapshot_id: PostgreSQL's name of the exported snapshot.
        taken_at: When the snapshot was taken, by the clock of the source.
        server_version: Version of the source's server, as it prints it.
    """

    snapshot_id: str
    taken_at: datetime
    server_version: str

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        limits: SessionLimits | None = None,
        source: str = "source",
        exported: ExportedSnapshot | None = None,
    ) -> None:
        self._connect = connect
        self._limits = limits or SessionLimits()
        self._source = source
        self._exported = exported
        self._coordinator: Connection | None = None
        self._entered = False
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if self._exported is None:
            self._take()
        else:
            self.snapshot_id = self._exported.snapshot_id
            self.taken_at = self._exported.taken_at
            self.server_version = self._exported.server_version
        self._entered = True
        return self

    @property
    def exported(self) -> ExportedSnapshot:
        """What another process needs to read the same."""
        return ExportedSnapshot(self.snapshot_id, self.taken_at, self.server_version)

    def _take(self) -> None:
        connection = self._open()
        try:
            with translated(self._source), connection.cursor() as cursor:
                cursor.execute("SELECT pg_export_snapshot(), statement_timestamp(), current_setting('server_version')")
                self.snapshot_id, taken_at, self.server_version = cursor.fetchall()[0]
        except BaseException:
            connection.close()
            raise
        self.taken_at = taken_at.astimezone(UTC)
        self._coordinator = connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the snapshot: what this process took ends here. Safe to repeat."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._entered = False
        for connection in [*idle, self._coordinator]:
            if connection is not None:
                with suppress(psycopg2.Error):
                    connection.close()
        self._coordinator = None

    def _is_open(self) -> bool:
        return self._entered

    @contextmanager
    def worker(self) -> Iterator[Connection]:
        """Lend a connection that sees exactly the snapshot; each is used by one reader at a time."""
        if not self._is_open():
            raise ConfigurationError(
                "The snapshot is not open.", where=self._source, fix="Use SourceSnapshot in a with statement."
            )
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._import()
        try:
            yield connection
        except BaseException:
            # Its transaction may have failed, or a COPY may still be running: it cannot be lent again.
            with suppress(psycopg2.Error):
                connection.close()
            raise
        with self._lock:
            if self._is_open() and not connection.closed:
                self._idle.append(connection)
                return
        connection.close()

    def _import(self) -> Connection:
        connection = self._open()
        try:
            with translated(self._source), connection.cursor() as cursor:
                try:
                    # Has to be the first statement of the transaction that reads.
                    cursor.execute("SET TRANSACTION SNAPSHOT %s", (self.snapshot_id,))
                except _GONE as error:
                    raise ServiceUnavailableError(
                        "The snapshot of the source cannot be read.",
                        where=self._source,
                        why=f"the session that holds it has ended (SQLSTATE {error.pgcode})",
                        fix="run again: a new run takes a new snapshot",
                    ) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self) -> Connection:
        with translated(self._source):
            connection = self._connect()
            try:
                connection.rollback()
                connection.autocommit = True
                fix_wire_settings(connection)
                self._limit(connection)
                connection.autocommit = False
                connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            except BaseException:
                connection.close()
                raise
        return connection

    def _limit(self, connection: Connection) -> None:
        settings = {
            "statement_timeout": str(self._limits.statement),
            "lock_timeout": str(self._limits.lock),
            "idle_in_transaction_session_timeout": str(self._limits.idle),
            "default_transaction_read_only": "on",
        }
        with connection.cursor() as cursor:
            for name, value in settings.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
