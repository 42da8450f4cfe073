"""Which real systems there are dumps of, and how a dump becomes a database whose day can be told."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from retail_medallion.embedded.binaries import binary
from retail_medallion_tests.servers import FreshDatabase

FIRST, SECOND, THIRD = dt.date(2026, 11, 23), dt.date(2026, 11, 24), dt.date(2026, 11, 25)
"""The day on which the applications were filled, the day that the tests make of the second dump, and its sequel."""

# Statements of a dump that the rows do not need: indexes, keys and triggers take most of the time of a restore.
_SECTIONS = ("--section=pre-data", "--section=data")


@dataclass(frozen=True)
class RealSystem:
    """An application somebody else designed, as its database dumps hold it.

    Attributes:
        source: Code of the source, and name of its mapping file.
        dumps: Names of the dumps, one per day, without `.dump`.
        pause: An instant between the last change in the first dump and the first one after it. The dumps were made
            within hours of each other, so a night is put in here: in all dumps, everything after it happens a day
            later. Watermarks then tell the second day's changes from the first day's.
        extensions: Extensions of PostgreSQL to create first, where the server has them.
        part: SQL that leaves only a part of the rows, for tests that have no time for all of them.
    """

    source: str
    dumps: tuple[str, ...]
    pause: dt.datetime | None = None
    extensions: tuple[str, ...] = ()
    part: str = ""

    @property
    def name(self) -> str:
        """The source's code, and whether this is a part of it only."""
        return f"{self.source}_part" if self.part else self.source

    @property
    def days(self) -> tuple[dt.date, ...]:
        """The partition of each dump, and of the sequel."""
        return (FIRST, SECOND, THIRD)[: len(self.dumps) + bool(self.sequel)]

    @property
    def sequel(self) -> str:
        """SQL of one more day, as the application would write it; from `sequels/<source>.sql`, where there is one."""
        file = Path(__file__).parent / "sequels" / f"{self.source}.sql"
        return file.read_text() if file.is_file() and not self.part else ""


# Invoices by their last two digits, and the only three of their kind.
_PART_OF_UCI = """
    CREATE TABLE part AS SELECT * FROM online_retail
    WHERE right("Invoice", 2) IN ('04', '17', '49', '58') OR "Invoice" LIKE 'A%';
    DROP TABLE online_retail;
    ALTER TABLE part RENAME TO online_retail
"""
SYSTEMS = {
    system.name: system
    for system in (
        RealSystem("odoo", ("odoo18", "odoo18_day2"), dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)),
        RealSystem("vendure", ("vendure", "vendure_day2"), dt.datetime(2026, 11, 23, 8, 32, 30, tzinfo=dt.UTC)),
        RealSystem("oscar", ("oscar", "oscar_day2"), dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)),
        RealSystem(
            "saleor",
            ("saleor", "saleor_day2"),
            dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC),
            ("hstore", "pg_trgm", "btree_gin", "pgcrypto"),
        ),
        RealSystem("northwind", ("northwind",)),
        RealSystem("uci", ("uci_online_retail",)),
        RealSystem("uci", ("uci_online_retail",), part=_PART_OF_UCI),
    )
}


def dump_file(name: str) -> Path:
    """The dump of that name; the test is skipped where there is none."""
    folder = os.environ.get("RETAIL_REAL_SOURCES", "")
    dump = Path(folder) / f"{name}.dump"
    if not folder or not dump.is_file():
        pytest.skip(f"RETAIL_REAL_SOURCES names no folder with {name}.dump")
    return dump


def restore(system: RealSystem, dump: Path, database: FreshDatabase) -> None:
    """Fill an empty database with the tables and rows of a dump, without its indexes and constraints."""
    with contextlib.closing(database.connect()) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name::text FROM pg_available_extensions")
            available = {name for (name,) in cursor.fetchall()}
            for extension in available.intersection(system.extensions):
                cursor.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
        connection.commit()
        _pg_restore(dump, database)
        if system.part:
            with connection.cursor() as cursor:
                cursor.execute(system.part)
            connection.commit()
        if system.pause is not None:
            put_a_night_in(connection, system.pause)
            connection.commit()


def play(sequel: str, database: FreshDatabase) -> None:
    """Let one more day pass in a database."""
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(sequel)
        connection.commit()


def _pg_restore(dump: Path, database: FreshDatabase) -> None:
    options = ["--no-owner", "--no-privileges", "--no-comments", *_SECTIONS, "--dbname", database.dsn]
    done = subprocess.run([str(binary("pg_restore")), *options, str(dump)], capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    # Extensions, and a schema public, are there already. One that this server has not (pgcrypto) is missed by what
    # uses it, which is told below.
    known = re.compile(r'already exists|extension "\w+" is not available')
    unexpected = [line for line in lines if "error:" in line and not known.search(line)]
    if done.returncode and unexpected:
        raise RuntimeError("\n".join(unexpected[:5]))


def put_a_night_in(connection: psycopg2.extensions.connection, pause: dt.datetime) -> None:
    """Let everything that a database dates after an instant happen a day later, whatever the table."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(
            """SELECT a.attrelid::regclass::text, array_agg(a.attname::text ORDER BY a.attnum)
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT a.attisdropped
            AND a.attgenerated = '' AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype)
            GROUP BY a.attrelid"""
        )
        for table, columns in cursor.fetchall():
            names = [sql.Identifier(name) for name in columns]
            later = [
                sql.SQL("{0} = CASE WHEN {0} > %(pause)s THEN {0} + interval '1 day' ELSE {0} END").format(name)
                for name in names
            ]
            after = [sql.SQL("{} > %(pause)s").format(name) for name in names]
            # regclass gives the name as SQL wants it, quoted where needed.
            cursor.execute(
                sql.SQL("UPDATE {} SET {} WHERE {}").format(
                    sql.SQL(table), sql.SQL(", ").join(later), sql.SQL(" OR ").join(after)
                ),
                {"pause": pause},
            )
