"""The two small demo retailers: what their generators know is what Silver holds, on the first day and on the next."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from psycopg2 import sql

from retail_medallion.demo.documents import DOCUMENTS
from retail_medallion.demo.journal import JOURNAL
from retail_medallion.demo.retailer import FIRST_DAY, Changed, Retailer, Truth, apply_changes, create_database
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.errors import ConfigurationError
from retail_medallion.mapping import check_mapping
from retail_medallion.model import load_model
from retail_medallion_tests.demo.reading import ask
from retail_medallion_tests.demo.test_mapping import shipped
from retail_medallion_tests.platform import Platform, platform_on
from retail_medallion_tests.servers import fresh_database_on

NEXT_DAY = FIRST_DAY + dt.timedelta(days=1)
RETAILERS = (JOURNAL, DOCUMENTS)

# A till that pays back names no payment where the goods are of another receipt; the surf shop promises no arrival.
FLAGS = {
    "demo_journal": {"transactions.refund_without_parent"},
    "demo_documents": {"sale_fulfilments.not_promised"},
}


def every_row(connection: psycopg2.extensions.connection, retailer: Retailer) -> dict[str, list[str]]:
    query = sql.SQL("SELECT t::text FROM {} t ORDER BY 1")
    return {
        table: [row for (row,) in ask(connection, query.format(sql.Identifier(retailer.schema, table)))]
        for table in retailer.tables
    }


@dataclass(frozen=True)
class Loaded:
    """A small retailer and what the warehouse made of it, day by day."""

    retailer: Retailer
    changed: dict[str, Changed]
    live: dict[dt.date, Truth]
    gone: dict[str, set[str]]
    rejected: dict[str, set[str]]
    counts: list[tuple[Any, ...]]
    flags: set[str]
    reconciles: bool


def live_rows(platform: Platform, truth: Truth) -> Truth:
    """The live rows of Silver, in the columns the generator tells of."""
    found: Truth = {}
    for entity, rows in truth.items():
        key = load_model().entity(entity).key
        columns = [*next(iter(rows.values()))]
        query = sql.SQL("SELECT {} FROM silver.{} WHERE source_system = %s AND NOT is_deleted").format(
            sql.SQL(", ").join(map(sql.Identifier, [key, *columns])), sql.Identifier(entity)
        )
        found[entity] = {
            row[0]: dict(zip(columns, row[1:], strict=True)) for row in platform.ask(query, platform.source)
        }
    return found


def keys_by_entity(platform: Platform, query: str) -> dict[str, set[str]]:
    return {entity: set(keys) for entity, keys in platform.ask(query, platform.source)}


@pytest.fixture(scope="module", params=RETAILERS, ids=lambda retailer: retailer.code)
def loaded(
    request: pytest.FixtureRequest,
    postgres_server: EmbeddedPostgres,
    s3_server: EmbeddedS3,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Loaded]:
    retailer: Retailer = request.param
    home: Path = tmp_path_factory.mktemp(retailer.code)
    live = {}
    with (
        fresh_database_on(postgres_server, prefix="demo") as database,
        platform_on(postgres_server, s3_server, database, home, source=retailer.code) as platform,
        contextlib.closing(database.connect()) as connection,
    ):
        create_database(connection, retailer)
        platform.materialise_layers({"bronze", "silver"}, [FIRST_DAY])
        live[FIRST_DAY] = live_rows(platform, retailer.told(FIRST_DAY).truth)
        changed = apply_changes(connection, retailer, NEXT_DAY)
        platform.materialise([NEXT_DAY])
        truth = retailer.told(NEXT_DAY).truth
        live[NEXT_DAY] = live_rows(platform, truth)
        gone, flags = {}, set()
        for entity in truth:
            names = sql.Identifier(load_model().entity(entity).key), sql.Identifier(entity)
            deleted = sql.SQL("SELECT {} FROM silver.{} WHERE source_system = %s AND is_deleted").format(*names)
            gone[entity] = {key for (key,) in platform.ask(deleted, platform.source)}
            flagged = sql.SQL("SELECT DISTINCT unnest(dq_flags) FROM silver.{} WHERE source_system = %s")
            flags |= {flag for (flag,) in platform.ask(flagged.format(names[1]), platform.source)}
        yield Loaded(
            retailer,
            changed,
            live,
            gone,
            keys_by_entity(
                platform,
                "SELECT entity, array_agg(DISTINCT source_key) FROM silver_quarantine.rejected_row"
                " WHERE source_system = %s GROUP BY 1",
            ),
            platform.ask(
                "SELECT entity, partition_date, rows_read, filtered, mapped, accepted, rejected, superseded"
                " FROM silver_meta.partition_state WHERE source_system = %s",
                platform.source,
            ),
            flags,
            platform.reconcile().holds,
        )


@pytest.mark.parametrize("retailer", RETAILERS, ids=lambda retailer: retailer.code)
def test_the_mapping_checks_clean(retailer: Retailer) -> None:
    assert check_mapping(shipped(retailer.code), load_model()) == []


@pytest.mark.parametrize("day", [FIRST_DAY, NEXT_DAY], ids=str)
def test_silver_holds_the_generators_keys_and_values_to_the_cent(loaded: Loaded, day: dt.date) -> None:
    truth = loaded.retailer.told(day).truth
    assert set(truth) == set(shipped(loaded.retailer.code).entities)
    for entity, rows in truth.items():
        found = loaded.live[day][entity]
        assert set(found) == set(rows), entity
        assert {key: row for key, row in found.items() if row != rows[key]} == {}, entity


def test_exactly_the_rows_that_are_wrong_on_purpose_are_rejected(loaded: Loaded) -> None:
    assert loaded.rejected == {entity: set(keys) for entity, keys in loaded.retailer.told(NEXT_DAY).spoiled.items()}


def test_nothing_is_flagged_but_what_the_source_does_not_say(loaded: Loaded) -> None:
    assert loaded.flags == FLAGS[loaded.retailer.code]


def test_what_was_read_is_accepted_rejected_or_superseded(loaded: Loaded) -> None:
    assert len(loaded.counts) == 2 * len(loaded.live[NEXT_DAY])
    for entity, day, _, _, mapped, accepted, rejected, superseded in loaded.counts:
        assert mapped == accepted + rejected + superseded, (entity, day)


def test_the_next_day_brings_inserts_updates_and_deletes_to_silver(loaded: Loaded) -> None:
    before, after = (loaded.retailer.told(day).truth for day in (FIRST_DAY, NEXT_DAY))
    gone = {entity: set(before[entity]) - set(after[entity]) for entity in before}
    for entity, keys in gone.items():
        assert keys <= loaded.gone[entity], entity
    inserted = {entity for entity in after if set(after[entity]) - set(before[entity])}
    updated = {
        entity
        for entity, rows in after.items()
        if any(before[entity].get(key, row) != row for key, row in rows.items())
    }
    assert {"sales", "sale_items", "transactions", "customers"} <= inserted
    assert {"sales", "products", "customers"} <= updated
    assert {"sale_items", "customers"} <= {entity for entity, keys in gone.items() if keys}
    assert sum(table.deleted for table in loaded.changed.values()) > 0


def test_all_layers_reconcile(loaded: Loaded) -> None:
    assert loaded.reconciles


@pytest.mark.parametrize("retailer", RETAILERS, ids=lambda retailer: retailer.code)
def test_the_same_seed_gives_the_same_rows_and_changes_lead_where_a_telling_leads(
    retailer: Retailer, fresh_database
) -> None:
    with contextlib.closing(fresh_database.connect()) as connection:
        assert create_database(connection, retailer).created
        first = every_row(connection, retailer)
        assert not create_database(connection, retailer).created
        day = NEXT_DAY + dt.timedelta(days=1)
        stepwise = [apply_changes(connection, retailer, step) for step in (NEXT_DAY, day)]
        after = every_row(connection, retailer)
        assert all(sum(table.inserted for table in step.values()) for step in stepwise)
        assert {table: len(rows) for table, rows in after.items()} == {
            table: len(rows) for table, rows in retailer.told(day).stored.items()
        }
        assert not any(table.inserted for table in apply_changes(connection, retailer, NEXT_DAY).values())
        assert every_row(connection, retailer) == after
        assert create_database(connection, retailer, seed=7).created
        assert every_row(connection, retailer) != first
        assert create_database(connection, retailer).created
        assert every_row(connection, retailer) == first
        with pytest.raises(ConfigurationError, match="does not hold the data"):
            apply_changes(connection, retailer, day, seed=7)


@pytest.mark.parametrize("retailer", RETAILERS, ids=lambda retailer: retailer.code)
def test_what_happens_on_a_day_is_recorded_within_that_day(retailer: Retailer) -> None:
    before, after = (retailer.told(day).stored for day in (FIRST_DAY, NEXT_DAY))
    recorded = set()
    for table, rows in after.items():
        for row in (row for key, row in rows.items() if before[table].get(key) != row):
            loaded_at, updated_at = row.get("loaded_at"), row.get("updated_at")
            if isinstance(loaded_at, dt.datetime):
                recorded.add(loaded_at.astimezone(dt.UTC).date())
            if isinstance(updated_at, dt.datetime):
                recorded.add(updated_at.replace(tzinfo=ZoneInfo("Australia/Sydney")).astimezone(dt.UTC).date())
    assert recorded == {NEXT_DAY}


@pytest.mark.parametrize("retailer", RETAILERS, ids=lambda retailer: retailer.code)
def test_a_schema_that_is_not_the_demos_is_left_alone(retailer: Retailer, fresh_database) -> None:
    with contextlib.closing(fresh_database.connect()) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(retailer.schema)))
        with pytest.raises(ConfigurationError, match="did not make"):
            create_database(connection, retailer)
