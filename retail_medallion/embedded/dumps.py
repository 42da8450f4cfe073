"""Dumps of real databases, restored into the embedded server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from psycopg2 import sql

from retail_medallion.embedded.binaries import binary
from retail_medallion.embedded.postgres import SUPERUSER, EmbeddedPostgres
from retail_medallion.errors import DataContractError


def restore_dump(server: EmbeddedPostgres, dump: Path, database: str, *, replace: bool = False) -> None:
    """Restore a dump made by `pg_dump --format=custom` into a new database, owned by the superuser.

    Args:
        server: A running embedded server.
        dump: The dump file.
        database: Name of the database to create.
        replace: Drop a database of that name first, ending its sessions.

    Raises:
        DataContractError: The dump is missing or damaged, or the database exists; nothing is left behind then.
    """
    if not dump.is_file():
        raise DataContractError("There is no such dump.", where=str(dump))
    name = sql.Identifier(database)
    session = server.connect()
    try:
        with session.cursor() as cursor:
            if replace:
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            cursor.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (database,))
            if cursor.fetchone() is not None:
                raise DataContractError(
                    "The database for the dump exists already.", where=database, fix="use `replace`, or another name"
                )
            cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
            command = [str(binary("pg_restore")), "--no-owner", "--no-privileges", "--exit-on-error"]
            connecting = ["--host", server.host, "--port", str(server.port), "--username", SUPERUSER]
            done = subprocess.run(
                [*command, *connecting, "--dbname", database, str(dump)],
                env={**os.environ, "PGPASSWORD": server.password},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
                raise DataContractError(
                    "The dump cannot be restored.", where=str(dump), why=done.stderr.strip()[-1000:]
                )
    finally:
        session.close()
