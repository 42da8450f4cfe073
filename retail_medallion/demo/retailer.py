"""A small demo retailer: a story that is told anew up to a day, and a database brought in line with it.

The story is a pure function of a seed and two days, so a day of changes is the difference between two tellings: rows
that came, rows that are not what they were, rows that are gone. Whatever tells the story also says what the platform
has to make of it, from its own numbers and not from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources

from psycopg2 import sql
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever psycopg2 calls it

from retail_medallion.demo.notes import remember, remembered
from retail_medallion.demo.tables import Rows
from retail_medallion.errors import ConfigurationError

FIRST_DAY = date(2026, 6, 29)
"""The first partition of the small retailers; it takes everything recorded before."""
DAYS_BEFORE = 9
DEFAULT_SEED = 1871
VERSION = 2
"""Goes up when the same seed begins to give other rows."""

Row = Mapping[str, object]
Stored = dict[str, dict[tuple[object, ...], Row]]
"""Rows by table and key."""
Truth = dict[str, dict[str, dict[str, object]]]
"""Canonical entity, canonical key, canonical column: what a row that is there has to look like."""


@dataclass(frozen=True)
class Telling:
    """A story up to the end of a day.

    Attributes:
        stored: What stands in the database.
        truth: What the live rows of Silver have to be; money as exact decimals.
        spoiled: Source keys of rows that are wrong on purpose, by entity.
    """

    stored: Stored
    truth: Truth
    spoiled: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Retailer:
    """One small demo retailer.

    Attributes:
        code: Its source code.
        schema: Schema its tables are in.
        package: Package that holds its schema.sql.
        tables: Its tables with their columns; the first ones are the key.
        key_width: How many columns the key of a table has.
        tell: The story, from a seed, its first day and its last day.
        title: What it is, for people.
    """

    code: str
    schema: str
    package: str
    tables: Mapping[str, Sequence[str]]
    key_width: Mapping[str, int]
    tell: Callable[[int, date, date], Telling]
    title: str

    def told(self, until: date, *, seed: int = DEFAULT_SEED) -> Telling:
        """The story up to and including a day."""
        return self.tell(seed, FIRST_DAY - timedelta(days=DAYS_BEFORE), until)


@dataclass(frozen=True)
class Changed:
    """What became of one table.

    Attributes:
        inserted: Rows that came.
        updated: Rows that are not what they were.
        deleted: Rows that are gone.
    """

    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True)
class DatabaseMade:
    """What was made.

    Attributes:
        rows: Rows per table.
        created: False where the data was there already.
        until: Last day the data tells of.
    """

    rows: Mapping[str, int]
    created: bool
    until: date


def create_database(connection: Connection, retailer: Retailer, *, seed: int = DEFAULT_SEED) -> DatabaseMade:
    """Make the retailer's schema as it was at the end of the first day, in one transaction.

    Where the same story is there already, at whatever day, nothing is done.

    Args:
        connection: To the retailer's database, with the right to create a schema; no transaction may be open.
        retailer: The retailer.
        seed: Chooses one of all possible stories.

    Raises:
        ConfigurationError: A transaction is open, or there is a schema of that name that the demo did not make.
    """
    _require_idle(connection)
    with connection:
        note = remembered(connection, retailer.schema)
        if note is not None and note["retail_medallion_demo"] == _parameters(retailer, seed):
            return DatabaseMade(note["rows"], created=False, until=date.fromisoformat(note["until"]))
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(retailer.schema)))
            cursor.execute((resources.files(retailer.package) / "schema.sql").read_text(encoding="utf-8"))
        told = retailer.told(FIRST_DAY, seed=seed)
        _load(connection, retailer, told.stored)
        rows = _write_down(connection, retailer, seed, told.stored, FIRST_DAY)
    return DatabaseMade(rows, created=True, until=FIRST_DAY)


def apply_changes(
    connection: Connection, retailer: Retailer, day: date, *, seed: int = DEFAULT_SEED
) -> dict[str, Changed]:
    """Let everything happen up to the end of a day, in one transaction.

    Args:
        connection: To a database that `create_database` made; no transaction may be open.
        retailer: The retailer.
        day: UTC day; nothing happens where the story has come that far.
        seed: The one the database was made with.

    Returns:
        What changed, by table.

    Raises:
        ConfigurationError: The database does not hold this story, or a transaction is open.
    """
    _require_idle(connection)
    with connection:
        note = remembered(connection, retailer.schema)
        if note is None or note["retail_medallion_demo"] != _parameters(retailer, seed):
            raise ConfigurationError(
                f"The database does not hold the data of {retailer.code}.",
                where=f"database {connection.info.dbname}",
                fix="Run create_database before, with the same seed.",
            )
        until = date.fromisoformat(note["until"])
        if day <= until:
            return dict.fromkeys(retailer.tables, Changed(0, 0, 0))
        before, after = retailer.told(until, seed=seed).stored, retailer.told(day, seed=seed).stored
        changed = {table: _replace(connection, retailer, table, before, after) for table in retailer.tables}
        fresh = {
            table: {key: row for key, row in rows.items() if before[table].get(key) != row}
            for table, rows in after.items()
        }
        _load(connection, retailer, fresh)
        _write_down(connection, retailer, seed, after, day)
    return changed


def _replace(connection: Connection, retailer: Retailer, table: str, before: Stored, after: Stored) -> Changed:
    """Take out the rows that are gone or about to be written anew."""
    gone = [key for key in before[table] if key not in after[table]]
    other = [key for key, row in after[table].items() if before[table].get(key, row) != row]
    columns = retailer.tables[table][: retailer.key_width[table]]
    condition = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in columns)
    name = sql.Identifier(retailer.schema, table)
    with connection.cursor() as cursor:
        for key in [*gone, *other]:
            cursor.execute(sql.SQL("DELETE FROM {} WHERE {}").format(name, condition), key)
    return Changed(sum(key not in before[table] for key in after[table]), len(other), len(gone))


def _load(connection: Connection, retailer: Retailer, stored: Stored) -> None:
    with Rows(retailer.tables, retailer.schema) as rows:
        for table, found in stored.items():
            for row in found.values():
                rows.add(table, **row)
        rows.load(connection)


def _write_down(connection: Connection, retailer: Retailer, seed: int, stored: Stored, until: date) -> dict[str, int]:
    rows = {table: len(found) for table, found in stored.items()}
    made = {"retail_medallion_demo": _parameters(retailer, seed), "rows": rows, "until": until.isoformat()}
    remember(connection, made, retailer.schema)
    return rows


def _parameters(retailer: Retailer, seed: int) -> dict[str, object]:
    return {"code": retailer.code, "version": VERSION, "seed": seed, "end": FIRST_DAY.isoformat()}


def _require_idle(connection: Connection) -> None:
    if connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
        raise ConfigurationError("The demo changes in a transaction of its own.", fix="Commit or roll back before.")
