"""Which documents a lines extract covers is told by its own rows: no other object has to be of the same moment."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.orchestration import keys
from retail_medallion_tests.platform import QUIET, NewPlatform, Platform, days, demo_database_on
from retail_medallion_tests.servers import FreshDatabase

D1, D2 = days(2)
AFTER_MIDNIGHT = dt.datetime.combine(D2, dt.time(0, 5)) + dt.timedelta(days=1)
LIVE_LINES = "SELECT count(*), sum(gross_amount) FROM silver.sale_items WHERE NOT is_deleted"


@pytest.fixture
def source(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    with demo_database_on(postgres_server, last_day=D1) as database:
        yield database


@pytest.fixture
def platform(new_platform_for: Callable[[FreshDatabase], NewPlatform], source: FreshDatabase) -> Platform:
    platform = new_platform_for(source)()
    platform.materialise([D1])
    return platform


def run(database: FreshDatabase, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with contextlib.closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def orders_with_lines(source: FreshDatabase, limit: int) -> list[int]:
    """Orders sold, whose lines no return refers to."""
    found = run(
        source,
        """
        SELECT o.id FROM shop.orders o
        WHERE o.voided_at IS NULL AND o.channel <> 'intern'
          AND EXISTS (SELECT FROM shop.order_lines l WHERE l.order_id = o.id)
          AND NOT EXISTS (SELECT FROM shop.order_lines l JOIN shop.order_lines r ON r.origin_line_id = l.id
                          WHERE l.order_id = o.id)
        ORDER BY o.id LIMIT %s
        """,
        limit,
    )
    assert len(found) == limit
    return [order for (order,) in found]


def touch(source: FreshDatabase, table: str, ids: Sequence[object], at: dt.datetime) -> None:
    run(source, f"UPDATE shop.{table} SET updated_at = %s WHERE id = ANY(%s)", at, list(ids))  # noqa: S608


def extract(platform: Platform, *entities: str) -> None:
    """Extract some entities of the second day, and nothing else."""
    job = platform.definitions.resolve_job_def(keys.daily_job(platform.source))
    chosen = [key for key in platform.asset_keys() if key.path[1] == "bronze" and key.path[2] in entities]
    assert len(chosen) == len(entities)
    with platform.active():
        result = job.execute_in_process(
            instance=platform.instance, asset_selection=chosen, partition_key=str(D2), run_config=QUIET
        )
    assert result.success


def lines_of(platform: Platform, order: int) -> int:
    ((count,),) = platform.ask(
        "SELECT count(*) FROM silver.sale_items WHERE sale_id = %s AND NOT is_deleted", str(order)
    )
    return int(count)


@pytest.mark.slow
def test_orders_that_changed_again_between_two_extracts_of_a_run_keep_their_lines(
    platform: Platform, source: FreshDatabase
):
    before = platform.ask(LIVE_LINES)
    orders = orders_with_lines(source, 20)
    market = [order for (order,) in run(source, "SELECT id FROM shop.market_orders ORDER BY id LIMIT 5")]
    for table, ids in (("orders", orders), ("market_orders", market)):
        touch(source, table, ids, dt.datetime.combine(D2, dt.time(20)))
    extract(platform, "sales")
    for table, ids in (("orders", orders), ("market_orders", market)):
        touch(source, table, ids, AFTER_MIDNIGHT)
    rest = {key.path[2] for key in platform.asset_keys() if key.path[1] == "bronze"} - {"sales"}
    extract(platform, *rest)
    platform.materialise_layers({"silver", "gold"}, [D2])
    assert platform.ask(LIVE_LINES) == before
    assert platform.reconcile().holds


@pytest.mark.slow
def test_extracting_the_sales_alone_again_deletes_no_lines(platform: Platform, source: FreshDatabase):
    platform.materialise([D2])
    before = platform.ask(LIVE_LINES)
    touch(source, "orders", orders_with_lines(source, 20), dt.datetime.combine(D2, dt.time(20)))
    extract(platform, "sales")
    platform.materialise_layers({"silver", "gold"}, [D2])
    assert platform.ask(LIVE_LINES) == before


@pytest.mark.slow
def test_an_order_emptied_between_two_extracts_of_a_day_has_no_lines(platform: Platform, source: FreshDatabase):
    order, other = orders_with_lines(source, 2)
    touch(source, "orders", [order, other], dt.datetime.combine(D2, dt.time(10)))
    platform.materialise([D2])
    kept = lines_of(platform, other)
    assert lines_of(platform, order) > 0
    run(source, "DELETE FROM shop.order_lines WHERE order_id = %s", order)
    emptied = "UPDATE shop.orders SET updated_at = %s, lines_touched_at = %s WHERE id = %s"
    run(source, emptied, *[dt.datetime.combine(D2, dt.time(11))] * 2, order)
    platform.materialise([D2])
    assert lines_of(platform, order) == 0
    assert lines_of(platform, other) == kept > 0
    assert platform.ask("SELECT item_count FROM gold.fct_sale WHERE sale_id = %s", str(order)) == [(0,)]
    assert platform.reconcile().holds
