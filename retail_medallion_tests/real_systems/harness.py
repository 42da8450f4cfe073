"""Loads a real system as the platform does, without Dagster: Bronze into S3, Silver into a warehouse, day by day."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, partial
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql

from retail_medallion.bronze.extract import extract_all
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.mapping import check_mapping, load_mapping
from retail_medallion.model import Entity, load_model
from retail_medallion.orchestration.bronze import extract_block
from retail_medallion.silver.partition import silver_partition
from retail_medallion.silver.schema import ensure_schema, register_source
from retail_medallion.silver.writer import SilverPartition, SilverWriter
from retail_medallion.storage.object_keys import ObjectKeys
from retail_medallion.storage.parquet_store import ObjectInfo, ParquetStore
from retail_medallion.storage.postgres.session import fix_wire_settings
from retail_medallion_tests.bronze.harness import store_partition
from retail_medallion_tests.platform import bucket_on
from retail_medallion_tests.real_systems.systems import RealSystem, dump_file, play, restore
from retail_medallion_tests.servers import FreshDatabase, create_database
from retail_medallion_tests.shared import database_once, once

MODEL = load_model()
_LOG = logging.getLogger("retail_medallion_tests.real_systems")
Row = tuple[Any, ...]
Query = str | sql.Composable


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one entity on one day; see `PartitionCounts`."""

    mode: str
    observed: bool
    rows_read: int
    filtered: int
    mapped: int
    accepted: int
    rejected: int
    superseded: int
    rejections: dict[str, int]
    warnings: dict[str, int]


@dataclass(frozen=True)
class LoadedSystem:
    """A real system and the warehouse it was loaded into; tests share both and only read.

    Days are counted from 1: day 1 is the first dump, day 2 the second, day 3 the sequel where there is one.

    Attributes:
        system: The system.
        databases: Its database of each day.
        warehouse: The warehouse after the last day.
        seconds: Seconds that restoring, Bronze and Silver of each day took.
    """

    system: RealSystem
    databases: tuple[FreshDatabase, ...]
    warehouse: FreshDatabase
    seconds: dict[str, float]

    @cached_property
    def mapping(self) -> SourceMapping:
        """The shipped mapping."""
        return shipped(self.system.source)

    def source(self, day: int, query: Query, *values: object) -> list[Row]:
        """Ask the system's own database, as it was on a day."""
        return _ask(self.databases[day - 1], query, *values)

    def silver(self, query: Query, *values: object) -> list[Row]:
        """Ask the warehouse. `silver.*` is as after the last day, `day_1.*` as after the first, and so on."""
        return _ask(self.warehouse, query, *values)

    def counts(self, entity: str, day: int) -> Counts:
        """What became of the rows of a day."""
        ((row,),) = self.silver(
            "SELECT to_jsonb(p) FROM silver_meta.partition_state p"
            " WHERE source_system = %s AND entity = %s AND partition_date = %s",
            self.system.source,
            entity,
            self.system.days[day - 1],
        )
        return Counts(**{name: row[name] for name in Counts.__annotations__})

    def all_counts(self, day: int) -> dict[str, Counts]:
        """`counts` of every entity mapped."""
        return {entity: self.counts(entity, day) for entity in self.mapping.entities}

    def live(self, entity: str, day: int, *columns: str) -> dict[str, Row]:
        """The live rows of `silver.<entity>` after a day, by key: the values of some columns."""
        names = [sql.Identifier(name) for name in (MODEL.entity(entity).key, *columns)]
        query = sql.SQL("SELECT {} FROM {} WHERE NOT is_deleted").format(
            sql.SQL(", ").join(names), sql.Identifier(self._schema(day), entity)
        )
        return {row[0]: row[1:] for row in _ask(self.warehouse, query)}

    def deleted(self, entity: str, day: int) -> set[str]:
        """Keys that Silver knew, and that are gone after a day."""
        query = sql.SQL("SELECT {} FROM {} WHERE is_deleted").format(
            sql.Identifier(MODEL.entity(entity).key), sql.Identifier(self._schema(day), entity)
        )
        return {key for (key,) in _ask(self.warehouse, query)}

    def quarantined(self, entity: str, day: int) -> dict[str, list[str]]:
        """Rules that refused rows on a day or before it, by the rows' keys."""
        found: dict[str, list[str]] = {}
        for key, rule in self.silver(
            "SELECT q.source_key, r ->> 'rule' FROM silver_quarantine.rejected_row q, jsonb_array_elements(q.reasons) r"
            " WHERE q.source_system = %s AND q.entity = %s AND q.partition_date <= %s ORDER BY 1, 2",
            self.system.source,
            entity,
            self.system.days[day - 1],
        ):
            found.setdefault(key, []).append(rule)
        return found

    def _schema(self, day: int) -> str:
        return "silver" if day == len(self.system.days) else f"day_{day}"


def shipped(source: str) -> SourceMapping:
    """The shipped mapping of a source."""
    return load_mapping(Path(str(resources.files("retail_medallion"))) / "sources" / f"{source}.yml")


def _ask(database: FreshDatabase, query: Query, *values: object) -> list[Row]:
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        fix_wire_settings(connection)
        cursor.execute(query, values or None)
        return cursor.fetchall()


# Loading


def load_system(system: RealSystem, server: EmbeddedPostgres, s3: EmbeddedS3) -> LoadedSystem:
    """Restore the dumps of a system and load one day after the other under its one mapping, once per session."""
    dumps = [dump_file(name) for name in system.dumps]
    empty = database_once(server, "empty_silver", _prepare)
    seconds: dict[str, float] = {}

    def restored(dump: Path) -> FreshDatabase:
        def fill(database: FreshDatabase) -> None:
            with _timed(seconds, f"restore {dump.stem}"):
                restore(system, dump, database)

        return database_once(server, f"real_{dump.stem}{'_part' if system.part else ''}", fill)

    databases = tuple(restored(dump) for dump in dumps)
    if system.sequel:
        name, before = f"real_{system.name}_sequel", databases[-1].name
        databases += (database_once(server, name, partial(play, system.sequel), template=before),)

    def make() -> dict[str, Any]:
        warehouse = create_database(server, prefix=f"shared_{system.source}", template=empty.name)
        with bucket_on(s3) as bucket:
            _Loader(system, warehouse, ParquetStore(s3.client(), bucket), seconds).load(databases)
        _LOG.info("loaded %s: %s", system.name, json.dumps(seconds))
        return {"database": warehouse.name, "seconds": seconds}

    made = once(f"loaded_{system.name}", make)
    warehouse = FreshDatabase(made["database"], server.dsn(made["database"]))
    return LoadedSystem(system, databases, warehouse, made["seconds"])


def _prepare(database: FreshDatabase) -> None:
    engine = _engine(database)
    with engine.begin() as connection:
        ensure_schema(connection, MODEL)


def _engine(database: FreshDatabase) -> sa.Engine:
    def connect() -> psycopg2.extensions.connection:
        connection = database.connect()
        fix_wire_settings(connection)
        connection.commit()
        return connection

    return sa.create_engine("postgresql+psycopg2://", creator=connect, poolclass=sa.pool.NullPool)


class _Loader:
    """One system on its way into one warehouse."""

    def __init__(
        self, system: RealSystem, warehouse: FreshDatabase, store: ParquetStore, seconds: dict[str, float]
    ) -> None:
        self._system = system
        self._mapping = shipped(system.source)
        self._engine = _engine(warehouse)
        self._store = store
        self._seconds = seconds

    def load(self, databases: Sequence[FreshDatabase]) -> None:
        problems = check_mapping(self._mapping, MODEL)
        if problems:
            raise AssertionError("\n".join(map(str, problems)))
        with self._engine.begin() as connection:
            register_source(connection, self._mapping, self._system.days[0])
        for number, (day, database) in enumerate(zip(self._system.days, databases, strict=True), start=1):
            with _timed(self._seconds, f"bronze {number}"):
                self._bronze(day, database)
            with _timed(self._seconds, f"silver {number}"):
                self._silver(day)
            if day != self._system.days[-1]:
                self._keep(number)

    def _object_key(self, entity: str, block: str, day: dt.date) -> str:
        return ObjectKeys("retail", ["bronze", self._system.source, entity]).key(day.isoformat(), block)

    def _bronze(self, day: dt.date, database: FreshDatabase) -> None:
        with SourceSnapshot(database.connect) as snapshot:
            # As if it had been read at the end of its day, whenever the test runs.
            snapshot.taken_at = dt.datetime.combine(day, dt.time(23, 0), tzinfo=dt.UTC)
            for entity, blocks in self._mapping.entities.items():

                def key_of(day: dt.date, block: str, entity: str = entity) -> str:
                    return self._object_key(entity, block, day)

                parts = extract_all(
                    snapshot,
                    self._store,
                    [replace(extract_block(block), reads=None) for block in blocks],
                    key_of=key_of,
                    days=[day],
                    # All that was recorded before the first dump comes with it.
                    first_day=self._system.days[0],
                    metadata={"mapping_version": self._mapping.version},
                    log=_LOG,
                )
                for part in parts:
                    store_partition(self._store, key_of(day, str(part.name)), part)

    def _silver(self, day: dt.date) -> None:
        for name in self._mapping.entities:
            writer = SilverWriter(
                MODEL.entity(name),
                self._system.source,
                mapping_version=self._mapping.version,
                model_version=MODEL.version,
                open_partition=partial(self._partition, MODEL.entity(name)),
                run_id="real-systems",
            )
            with self._engine.begin() as connection:
                writer.write(connection, day.isoformat())

    def _partition(self, entity: Entity, day: dt.date) -> SilverPartition:
        opened = self._store.open
        return silver_partition(self._mapping, MODEL, entity, day, find=self._find, open_object=opened)

    def _find(self, entity: str, block: str, day: dt.date) -> ObjectInfo:
        key = self._object_key(entity, block, day)
        return self._store.stat(key) or _missing(key)

    def _keep(self, number: int) -> None:
        """Keep the current state as it is after a day that another one follows."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA day_{number}")
            for name in self._mapping.entities:
                connection.exec_driver_sql(f"CREATE TABLE day_{number}.{name} AS TABLE silver.{name}")


def _missing(key: str) -> ObjectInfo:
    raise AssertionError(f"There is no object {key}.")


@contextlib.contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[what] = round(time.perf_counter() - started, 2)


# What every system is held to


@dataclass(frozen=True)
class Expectation:
    """Independent SQL for one entity: its first column is the key, the others are called as in Silver.

    Attributes:
        entity: The entity.
        query: The SQL.
    """

    entity: str
    query: str

    def columns(self, loaded: LoadedSystem) -> list[str]:
        """Columns it gives beside the key."""
        with contextlib.closing(loaded.databases[0].connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("SELECT * FROM ({}) q LIMIT 0").format(sql.SQL(self.query)))
            names = [column.name for column in cursor.description or ()]
        assert names[0] == MODEL.entity(self.entity).key, f"{self.entity}: the key comes first"
        return names[1:]

    def only(self, loaded: LoadedSystem, columns: Sequence[str]) -> sql.Composed:
        """The SQL with the key and some of its columns."""
        assert set(columns) <= set(self.columns(loaded))
        names = [sql.Identifier(name) for name in (MODEL.entity(self.entity).key, *columns)]
        return sql.SQL("SELECT {} FROM ({}) q").format(sql.SQL(", ").join(names), sql.SQL(self.query))


def expectations(source: str) -> dict[str, Expectation]:
    """The independent SQL of a source by entity, from the files `<source>/<entity>.sql` beside this module."""
    files = sorted((Path(__file__).parent / source).glob("*.sql"))
    return {file.stem: Expectation(file.stem, file.read_text()) for file in files}


def by_key(rows: Sequence[Row]) -> dict[str, Row]:
    """Rows of independent SQL whose first column is the key; two rows of one key are an error of that SQL."""
    found = {str(row[0]): tuple(row[1:]) for row in rows}
    assert len(found) == len(rows), "the independent SQL gives a key twice"
    return found


def assert_balanced(loaded: LoadedSystem) -> None:
    """Hold, for every entity and day, that rows add up and that rejected rows say why."""
    for day in range(1, len(loaded.system.days) + 1):
        for entity, counts in loaded.all_counts(day).items():
            assert counts.rows_read == counts.mapped + counts.filtered, (entity, day, counts)
            assert counts.mapped == counts.accepted + counts.rejected + counts.superseded, (entity, day, counts)
            assert bool(counts.rejected) == bool(counts.rejections), (entity, day, counts)
            assert all(loaded.quarantined(entity, day).values()), (entity, day)


def totals(loaded: LoadedSystem, day: int) -> tuple[int, int, int, int, int]:
    """Rows of all entities on a day: read, filtered, accepted, rejected and superseded."""
    counts = loaded.all_counts(day).values()
    return (
        sum(entity.rows_read for entity in counts),
        sum(entity.filtered for entity in counts),
        sum(entity.accepted for entity in counts),
        sum(entity.rejected for entity in counts),
        sum(entity.superseded for entity in counts),
    )


def assert_whole(loaded: LoadedSystem, entity: str, day: int, keys: Query) -> None:
    """Hold that the live rows and the quarantined ones are together exactly the keys that independent SQL gives."""
    expected = set(by_key(loaded.source(day, keys)))
    refused = set(loaded.quarantined(entity, day)) & expected
    live = set(loaded.live(entity, day))
    assert live - expected == set(), f"{entity}: live, and not in the source"
    assert expected - live - refused == set(), f"{entity}: in the source, and neither live nor quarantined"


def assert_equal(loaded: LoadedSystem, entity: str, day: int, columns: Sequence[str], query: Query) -> int:
    """Hold that columns of all live rows equal independent SQL that gives key and columns; how many rows there were."""
    expected, live = by_key(loaded.source(day, query)), loaded.live(entity, day, *columns)
    unequal = {key: (row, expected.get(key)) for key, row in live.items() if row != expected.get(key)}
    assert not unequal, f"{entity}: {len(unequal)} of {len(live)} differ, such as {next(iter(unequal.items()))}"
    return len(live)


def money_by_currency(rows: Mapping[str, Row]) -> dict[str, tuple[Decimal, ...]]:
    """Sums of rows (currency, amount, ...) per currency; an amount that is none adds nothing."""
    sums: dict[str, list[Decimal]] = {}
    for currency, *amounts in rows.values():
        held = sums.setdefault(currency, [Decimal(0)] * len(amounts))
        for index, amount in enumerate(amounts):
            held[index] += amount or 0
    return {currency: tuple(held) for currency, held in sums.items()}


def assert_money(loaded: LoadedSystem, entity: str, day: int, columns: Sequence[str], query: Query) -> dict[str, Any]:
    """Hold that amounts are equal row by row and per currency; the sums per currency.

    Args:
        loaded: The system.
        entity: Whose amounts.
        day: After which day.
        columns: The currency column, then columns of amounts.
        query: Independent SQL that gives key, currency and amounts. Quarantined keys may be among its rows.
    """
    assert_equal(loaded, entity, day, columns, query)
    refused = set(loaded.quarantined(entity, day))
    live = loaded.live(entity, day, *columns)
    expected = {key: row for key, row in by_key(loaded.source(day, query)).items() if key in live or key not in refused}
    sums = money_by_currency(live)
    assert sums == money_by_currency(expected)
    return sums
