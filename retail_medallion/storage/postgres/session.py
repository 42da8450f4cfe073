"""Connections to PostgreSQL whose text output is the same everywhere.

What a value looks like on the wire depends on settings of the session (time zone, date style, how bytes and intervals
are printed). They are fixed here, so that a reader never has to guess.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import psycopg2.extensions
import sqlalchemy as sa

from retail_medallion.storage.postgres.failures import translated

WIRE_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
    # A backslash in a text is a backslash: where a text ends must not depend on a setting of the role.
    "standard_conforming_strings": "on",
}
"""Session settings under which every value is printed exactly and in one form only."""

_DRIVER_SETTINGS: dict[str, Any] = {
    "client_encoding": "UTF8",
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,
}


@dataclass(frozen=True)
class ConnectionSettings:
    """Where a database is and who asks.

    Attributes:
        host: Host name or address.
        port: TCP port.
        database: Name of the database.
        user: Role to log in as.
        password: Kept out of ``repr`` and of every message.
        application_name: Shown in ``pg_stat_activity``.
        connect_timeout: Seconds to wait for a connection.
        sslmode: As libpq knows it; None leaves libpq's default.
    """

    host: str
    port: int
    database: str
    user: str
    password: str | None = field(default=None, repr=False)
    application_name: str = "retail_medallion"
    connect_timeout: int = 10
    sslmode: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments of ``psycopg2.connect``."""
        given = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "application_name": self.application_name,
            "connect_timeout": self.connect_timeout,
            "sslmode": self.sslmode,
        }
        return {**_DRIVER_SETTINGS, **{name: value for name, value in given.items() if value is not None}}

    @property
    def where(self) -> str:
        """Name the database for messages, without the password."""
        return f"database {self.database!r} on {self.host}:{self.port}"


def connect(settings: ConnectionSettings) -> psycopg2.extensions.connection:
    """Open a connection with the wire settings applied; the caller closes it.

    Raises:
        ServiceUnavailableError: The server does not answer.
        AccessDeniedError: The server refuses the credentials.
    """
    with translated(settings.where):
        connection: psycopg2.extensions.connection = psycopg2.connect(**settings.arguments())
        try:
            # Set while in autocommit: a setting made inside a transaction is undone when that transaction fails.
            connection.autocommit = True
            fix_wire_settings(connection)
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
    return connection


def fix_wire_settings(connection: psycopg2.extensions.connection) -> None:
    """Apply :data:`WIRE_SETTINGS` to a session; one round trip, allowed in a read-only transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS setting(name, value)",
            (list(WIRE_SETTINGS), list(WIRE_SETTINGS.values())),
        )


def engine(settings: ConnectionSettings) -> sa.Engine:
    """Make a SQLAlchemy engine whose connections carry the wire settings.

    Connections are not pooled: each is opened when asked for and closed after use, so that no connection outlives a
    fork or a long pause. Bound values never appear in error texts.
    """
    return sa.create_engine(
        "postgresql+psycopg2://",
        creator=lambda: connect(settings),
        poolclass=sa.pool.NullPool,
        hide_parameters=True,
    )


@contextlib.contextmanager
def connection_to(settings: ConnectionSettings) -> Iterator[psycopg2.extensions.connection]:
    """Open a connection for the length of a ``with`` block; what was not committed is rolled back."""
    connection = connect(settings)
    try:
        yield connection
    finally:
        connection.close()


def raw_connection(connection: sa.Connection) -> psycopg2.extensions.connection:
    """Give the psycopg2 connection under a SQLAlchemy one; both speak in the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg2.extensions.connection):
        raise TypeError(f"not a psycopg2 connection but {type(raw).__name__}: name the driver postgresql+psycopg2")
    return raw
