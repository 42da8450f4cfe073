"""The embedded servers of one home, taken together: up, down, status."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from retail_medallion.embedded.environment import (
    DATABASES,
    bucket_name,
    s3_external_because,
    write_shell_file,
)
from retail_medallion.embedded.home import Home, default_home
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.embedded.supervisor import EmbeddedServer


@dataclass(frozen=True)
class ServerStatus:
    """One line of `retail-medallion status`.

    Attributes:
        name: `postgres` or `s3`.
        title: The name as shown to people.
        state: `running`, `stopped`, `not answering` (its process lives), or `external` (variables name another server).
        address: Host and port, or the endpoint; empty if there is none.
        process: Its process number, if it lives.
        detail: What it is used for, where its data is, or which variable names the other server.
        log: Its log file; None if it has none.
    """

    name: str
    title: str
    state: Literal["running", "stopped", "not answering", "external"]
    address: str
    process: int | None
    detail: str
    log: Path | None


class Servers:
    """PostgreSQL and S3 of one home.

    Args:
        home: Folder that keeps them; default: RETAIL_HOME, else `.retail_medallion` in the checkout.
        durable: See EmbeddedPostgres.
        environ: Variables that may name other servers; default: this process's environment.
    """

    def __init__(
        self, home: Path | None = None, *, durable: bool = True, environ: Mapping[str, str] | None = None
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self.home = Home(default_home(self._environ) if home is None else home)
        self.postgres = EmbeddedPostgres(self.home, environ=self._environ, durable=durable)
        self.s3 = EmbeddedS3(self.home, environ=self._environ)

    @property
    def dagster_home(self) -> Path:
        """Dagster's own folder inside the home."""
        return self.home.path / "dagster"

    def up(self) -> Servers:
        """Start what is needed and not running; create databases and the bucket. Safe to repeat, and at the same time.

        Returns:
            Itself.

        Raises:
            ServiceUnavailableError: A server does not start.
            ConfigurationError: The home cannot be used, a named port is taken, or a server is not installed.
        """
        with self.home.locked():
            needed: list[EmbeddedServer] = []
            databases = [group for group in DATABASES if group.external_because(self._environ, self.home) is None]
            if databases:
                needed.append(self.postgres)
            uses_s3 = s3_external_because(self._environ, self.home) is None
            if uses_s3:
                needed.append(self.s3)
            self._start(needed)
            for group in databases:
                self.postgres.ensure_database(group.database(self._environ), owner=group.default_name)
            if uses_s3:
                self.s3.ensure_bucket(bucket_name(self._environ))
            self._write_dagster_home()
            write_shell_file(self, self._environ)
        return self

    def down(self) -> None:
        """Stop both servers. Their data stays."""
        with self.home.locked():
            self.s3.stop()
            self.postgres.stop()

    def status(self) -> list[ServerStatus]:
        """What runs and where, one entry per server, asked of the servers themselves."""
        return [*self._postgres_status(), self._s3_status()]

    def _start(self, servers: list[EmbeddedServer]) -> None:
        # Each takes about a second, most of it waiting.
        with ThreadPoolExecutor(max_workers=2) as pool:
            for started in [pool.submit(server.ensure_running) for server in servers]:
                started.result()

    def _write_dagster_home(self) -> None:
        self.dagster_home.mkdir(exist_ok=True)
        template = resources.files("retail_medallion.embedded").joinpath("dagster.yaml").read_text()
        target = self.dagster_home / "dagster.yaml"
        if not target.exists() or target.read_text() != template:
            target.write_text(template)

    def _postgres_status(self) -> list[ServerStatus]:
        external = {group: group.external_because(self._environ, self.home) for group in DATABASES}
        inside = [group.purpose for group, variable in external.items() if variable is None]
        entries = []
        if inside:
            detail = f"{'; '.join(inside)}; data in {self.postgres.data_directory}"
            entries.append(_own_status(self.postgres, detail, scheme="postgresql://"))
        for group, variable in external.items():
            if variable is not None:
                host = self._environ.get(f"{group.prefix}_HOST", "")
                detail = f"{group.purpose}: {variable} is set"
                entries.append(ServerStatus("postgres", "PostgreSQL", "external", host, None, detail, None))
        return entries

    def _s3_status(self) -> ServerStatus:
        variable = s3_external_because(self._environ, self.home)
        if variable is None:
            return _own_status(self.s3, f"Bronze; objects in {self.s3.folder}", scheme="http://")
        endpoint = self._environ.get("AWS_ENDPOINT_URL_S3") or self._environ.get("AWS_ENDPOINT_URL") or "Amazon S3"
        return ServerStatus("s3", "S3", "external", endpoint, None, f"Bronze: {variable} is set", None)


def up(home: Path | None = None) -> Servers:
    """Start the embedded servers that are needed and not running; see `Servers.up`."""
    return Servers(home).up()


def down(home: Path | None = None) -> None:
    """Stop the embedded servers; see `Servers.down`."""
    Servers(home).down()


def status(home: Path | None = None) -> list[ServerStatus]:
    """What runs and where; see `Servers.status`."""
    return Servers(home).status()


def _own_status(server: EmbeddedServer, detail: str, *, scheme: str) -> ServerStatus:
    port = server.home.record(server.name).port
    process = server.process
    state: Literal["running", "stopped", "not answering"] = "stopped"
    if process is not None:
        state = "running" if server.answers() else "not answering"
    address = f"{scheme}{server.host}:{port}" if process is not None else ""
    pid = None if process is None else process.pid
    return ServerStatus(server.name, server.title, state, address, pid, detail, server.log)
