"""The servers that the tests of one session share, and what fixtures hand out of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql
from psycopg2.extensions import connection, parse_dsn

from retail_medallion.embedded import Servers
from retail_medallion.embedded.environment import DATABASES
from retail_medallion.embedded.home import Home
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.processes import ProcessIdentity

HOME_VARIABLE = "RETAIL_TESTS_HOME"
POSTGRES_VARIABLE = "RETAIL_TESTS_POSTGRES"
"""libpq's keyword string of a superuser of a running server, to run the tests against another release."""
_PREFIX = "retail_medallion_tests_"
_MEMORY = Path("/dev/shm")  # noqa: S108 only a folder made anew is used
_PLENTY = 8 * 2**30


@dataclass(frozen=True)
class FreshDatabase:
    """An empty database of one test.

    Attributes:
        name: Its name.
        dsn: libpq's keyword string, superuser, with the password.
    """

    name: str
    dsn: str

    @property
    def url(self) -> sa.URL:
        """SQLAlchemy's URL of the database."""
        parts = parse_dsn(self.dsn)
        return sa.URL.create(
            "postgresql+psycopg2",
            username=parts["user"],
            password=parts["password"],
            host=parts["host"],
            port=int(parts["port"]),
            database=parts["dbname"],
        )

    def connect(self) -> connection:
        """A new psycopg2 connection; the database is dropped at the end of the test whether it is closed or not."""
        return psycopg2.connect(self.dsn)


class RunningPostgres(EmbeddedPostgres):
    """A server that was there before the tests: it is used, and neither started nor stopped."""

    def __init__(self, dsn: str) -> None:
        super().__init__(Home(session_home()))
        self._parts = parse_dsn(dsn)

    @property
    def host(self) -> str:
        return str(self._parts["host"])

    @property
    def port(self) -> int:
        return int(self._parts.get("port", 5432))

    @property
    def user(self) -> str:
        return str(self._parts["user"])

    @property
    def password(self) -> str:
        return str(self._parts.get("password", "none"))

    def dsn(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        return super().dsn(database, user=user or self.user, password=password)


def session_home() -> Path:
    """Folder of this session's servers: chosen by the first process, inherited by xdist's workers."""
    return Path(os.environ.setdefault(HOME_VARIABLE, str(_fastest_folder() / f"{_PREFIX}{os.getpid()}")))


def _fastest_folder() -> Path:
    """Memory, where there is plenty: the tests make and drop hundreds of databases, each of a thousand files."""
    try:
        free = min(shutil.disk_usage(_MEMORY).free, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError):
        free = 0
    return _MEMORY if free >= _PLENTY and os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def session_servers() -> Servers:
    """This session's servers, whatever the environment of the developer says."""
    named = os.environ.get(POSTGRES_VARIABLE)
    elsewhere = {f"{group.prefix}_HOST": "elsewhere" for group in DATABASES} if named else {}
    servers = Servers(session_home(), durable=False, environ=elsewhere)
    if named:
        servers.postgres = RunningPostgres(named)
    return servers


def create_database(server: EmbeddedPostgres, *, prefix: str = "test", template: str = "template1") -> FreshDatabase:
    """An empty database, or a copy of one that nobody is connected to."""
    name = f"{prefix}_{uuid.uuid4().hex[:16]}"
    with _administering(server) as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    return FreshDatabase(name, server.dsn(name))


def drop_database(server: EmbeddedPostgres, name: str) -> None:
    """Drop a database with the sessions that still use it."""
    with _administering(server) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def fresh_database_on(
    server: EmbeddedPostgres, *, prefix: str = "test", template: str = "template1"
) -> Iterator[FreshDatabase]:
    """What `create_database` gives, dropped afterwards."""
    database = create_database(server, prefix=prefix, template=template)
    try:
        yield database
    finally:
        drop_database(server, database.name)


def remove_home(home: Path) -> None:
    """Stop the servers of a home and remove it."""
    if home.exists():
        Servers(home, environ={}).down()
        shutil.rmtree(home, ignore_errors=True)


def remove_abandoned_homes() -> None:
    """Remove what earlier sessions left because they were killed."""
    for home in (home for folder in (Path(tempfile.gettempdir()), _MEMORY) for home in folder.glob(f"{_PREFIX}*")):
        pid = home.name.removeprefix(_PREFIX)
        if pid.isdecimal() and home.stat().st_uid == os.geteuid() and ProcessIdentity.of(int(pid)) is None:
            # Another session that starts now may be removing the same one.
            with contextlib.suppress(OSError):
                remove_home(home)


@contextlib.contextmanager
def _administering(server: EmbeddedPostgres) -> Iterator[psycopg2.extensions.cursor]:
    session = server.connect()
    try:
        with session.cursor() as cursor:
            yield cursor
    finally:
        session.close()
