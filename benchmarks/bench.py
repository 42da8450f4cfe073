"""The servers that the comparisons run on, started for this run alone, and how their databases are reached."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2 import sql

from retail_medallion import embedded
from retail_medallion.embedded.binaries import binary
from retail_medallion.embedded.servers import Servers

SOURCE, WAREHOUSE = "retail_demo", "retail_warehouse"


@dataclass(frozen=True)
class Bench:
    """Running servers.

    Attributes:
        servers: PostgreSQL and S3.
        folder: A place for files; gone afterwards.
        environment: The variables that point the package at the servers.
    """

    servers: Servers
    folder: Path
    environment: Mapping[str, str]

    @classmethod
    @contextlib.contextmanager
    def open(cls) -> Iterator[Bench]:
        """Start servers in a new home, durable as those of the demo; stop and remove them afterwards."""
        home = Path(tempfile.mkdtemp(prefix="retail_medallion_bench_"))
        servers = Servers(home / "home", environ={})
        try:
            servers.up()
            folder = home / "files"
            folder.mkdir()
            yield cls(servers, folder, embedded.environment(servers, environ={}))
        finally:
            servers.down()
            # Where the server runs as another user, its data lies outside the home.
            for place in (servers.postgres.data_directory.parent, home):
                shutil.rmtree(place, ignore_errors=True)

    def execute(self, database: str, *statements: str | sql.Composable, role: str | None = None) -> list[Any]:
        """Run statements one by one, each committed, as the superuser or in another role; rows of the last one."""
        connection = self.servers.postgres.connect(database)
        rows: list[Any] = []
        try:
            with connection.cursor() as cursor:
                if role:
                    cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
                for statement in statements:
                    cursor.execute(statement)
                    rows = cursor.fetchall() if cursor.description else []
        finally:
            connection.close()
        return rows

    def new_database(self, name: str, *, owner: str = WAREHOUSE) -> None:
        """Make an empty database that belongs to a role, in place of one of that name."""
        self.drop_database(name)
        self.servers.postgres.ensure_database(name, owner=owner)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there."""
        self.execute("postgres", sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def psql(self, database: str, *commands: str) -> Sequence[str]:
        """Arguments of a psql that runs commands, in one transaction where there are several; output is dropped."""
        arguments = [str(binary("psql")), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={database}"]
        arguments += ["--single-transaction"] if len(commands) > 1 else []
        return [*arguments, *(f"--command={command}" for command in commands)]

    def psql_environment(self) -> dict[str, str]:
        """Variables with which psql finds the server."""
        postgres = self.servers.postgres
        return {
            "PGHOST": postgres.host,
            "PGPORT": str(postgres.port),
            "PGUSER": postgres.user,
            "PGPASSWORD": postgres.password,
        }

    def database(self, name: str) -> dict[str, Any]:
        """Arguments of `ConnectionSettings` for the superuser, to be handed to a measured function."""
        postgres = self.servers.postgres
        return {
            "host": postgres.host,
            "port": postgres.port,
            "database": name,
            "user": postgres.user,
            "password": postgres.password,
        }
