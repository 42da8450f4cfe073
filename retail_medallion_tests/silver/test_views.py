"""The views of Silver, against an oracle in plain Python that knows only the definition of validity."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from retail_medallion.silver.schema import ensure_schema
from retail_medallion.silver.views import HISTORY_SUFFIX, history_columns, outdated_views, views
from retail_medallion_tests.servers import fresh_database_on
from retail_medallion_tests.silver.days import DAYS, KEYS, MODEL, Day, Warehouse, alive, random_days

HISTORY = "SELECT sale_item_id, sale_id, quantity, partition_date, valid_from, valid_to, is_current"


@pytest.fixture(scope="module")
def warehouse(postgres_server: Any) -> Iterator[Warehouse]:
    with fresh_database_on(postgres_server) as database:
        engine = sa.create_engine(database.url, poolclass=sa.pool.StaticPool)
        yield Warehouse(engine)
        engine.dispose()


def history(warehouse: Warehouse, source: str = "a") -> list[tuple[Any, ...]]:
    return warehouse.rows(
        f"{HISTORY} FROM silver.sale_items_history WHERE source_system = :source ORDER BY 1, 5", source=source
    )


def periods(days: dict[dt.date, Day]) -> list[tuple[Any, ...]]:
    """Runs of days on which one version holds, each version on its own."""
    found: list[tuple[Any, ...]] = []
    for key in KEYS:
        before = None
        for day in DAYS:
            now = alive(days, key, day)
            if before is not None and now != before:
                found[-1] = (*found[-1][:5], day, False)
            if now is not None and now != before:
                said_on, sale, quantity = now
                found.append((key, sale, quantity, said_on, day, None, True))
            before = now
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_version_holds_until_the_next_one_a_tombstone_or_a_proof_that_it_is_gone(
    warehouse: Warehouse, seed: int
) -> None:
    days = random_days(seed)
    warehouse.clear()
    warehouse.write_all(days, order=reversed(DAYS))
    assert history(warehouse) == periods(days)


def test_the_current_versions_are_the_live_rows_of_the_current_table(warehouse: Warehouse) -> None:
    warehouse.clear()
    for seed in range(8):
        warehouse.write_all(random_days(seed), source=str(seed))
    live = "SELECT source_system, sale_item_id, record_hash FROM silver.sale_items WHERE NOT is_deleted ORDER BY 1, 2"
    current = "SELECT source_system, sale_item_id, record_hash FROM silver.sale_items_history WHERE is_current"
    assert warehouse.rows(live) == warehouse.rows(f"{current} ORDER BY 1, 2") != []


def test_presence_is_no_version_and_a_tombstone_ends_one(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(DAYS[0], Day({"1": ("U", "A", 1)}))
    warehouse.write(DAYS[1], Day({"1": ("P", "", 0)}, frozenset("*")))
    assert history(warehouse) == [("1", "A", 1, DAYS[0], DAYS[0], None, True)]
    warehouse.write(DAYS[2], Day({"1": ("D", "", 0)}))
    assert history(warehouse) == [("1", "A", 1, DAYS[0], DAYS[0], DAYS[2], False)]


def test_a_key_that_comes_back_has_two_periods_of_one_version(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(DAYS[0], Day({"1": ("U", "A", 1)}))
    warehouse.write(DAYS[1], Day({}, frozenset("*")))
    warehouse.write(DAYS[3], Day({"1": ("P", "", 0)}, frozenset("*")))
    assert [row[3:] for row in history(warehouse)] == [
        (DAYS[0], DAYS[0], DAYS[1], False),
        (DAYS[0], DAYS[3], None, True),
    ]


def test_every_entity_has_a_history_with_the_columns_of_its_versions(warehouse: Warehouse) -> None:
    with warehouse.engine.connect() as connection:
        inspector = sa.inspect(connection)
        for name, entity in MODEL.entities.items():
            columns = inspector.get_columns(f"{name}{HISTORY_SUFFIX}", schema="silver")
            assert tuple(column["name"] for column in columns) == history_columns(entity)
            assert set(entity.columns) < {column["name"] for column in columns}


def test_views_are_left_alone_while_they_are_up_to_date_and_made_anew_when_they_are_not(warehouse: Warehouse) -> None:
    oid = "SELECT 'silver.sale_items_history'::regclass::oid::bigint"
    before = warehouse.rows(oid)
    with warehouse.engine.begin() as connection:
        ensure_schema(connection, MODEL)
    assert warehouse.rows(oid) == before
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("COMMENT ON VIEW silver.sale_items_history IS 'by hand'"))
        connection.execute(sa.text("DROP VIEW silver_quarantine.readable"))
        assert {view.full_name for view in outdated_views(connection, MODEL)} == {
            "silver.sale_items_history",
            "silver_quarantine.readable",
        }
        ensure_schema(connection, MODEL)
        assert outdated_views(connection, MODEL) == []
    assert warehouse.rows(oid) != before
    assert len(views(MODEL)) == len(MODEL.entities) + 1


def test_a_rejected_row_reads_as_a_sentence_and_leads_to_its_bronze_row(warehouse: Warehouse) -> None:
    warehouse.clear()
    warehouse.write(DAYS[0], Day({"1": ("U", "A", 1)}, refused=True))
    assert warehouse.rows("SELECT * FROM silver_quarantine.readable") == [
        ("a", "sale_items", DAYS[0], "0", "G01", "sale_id", None, "sale_id missing", "b", 0, 0, f"k/{DAYS[0]}")
    ]
