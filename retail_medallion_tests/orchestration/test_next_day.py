"""The next day happens: orders are corrected, cancelled and returned, lines and clients go."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest

from retail_medallion.demo.changes import DayOfChanges, apply_changes
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.platform import Platform, days, demo_database_on
from retail_medallion_tests.servers import FreshDatabase

YESTERDAY, TODAY = days(2)


@pytest.fixture
def source(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    with demo_database_on(postgres_server, last_day=YESTERDAY) as database:
        yield database


def happen(source: FreshDatabase, day: dt.date) -> DayOfChanges:
    with contextlib.closing(source.connect()) as connection:
        return apply_changes(connection, day)


# What a run that begins today cannot know: lines that were deleted meanwhile, and when a row was first seen.
KNOWN_TO_BOTH = {
    "sales": "sale_id, status, total_amount, discount_amount, is_deleted, record_hash",
    "customers": "customer_id, is_deleted, record_hash",
    "products": "product_id, list_price, is_deleted, record_hash",
    "transactions": "transaction_id, amount, status, is_deleted, record_hash",
    "payment_methods": "payment_method_id, is_deleted, record_hash",
}


@pytest.mark.slow
def test_a_daily_run_and_a_re_run_of_the_day_before_give_what_a_run_from_scratch_gives(new_platform_for, source):
    new_platform = new_platform_for(source)
    daily: Platform = new_platform()
    daily.materialise([YESTERDAY])
    before = daily.digests()
    done = happen(source, TODAY)
    daily.materialise([TODAY])
    after = daily.digests()
    changed = {table for table in after if after[table] != before.get(table)}
    assert {"silver.sales", "silver.sale_items", "silver.products", "gold.fct_sale", "gold.mart_daily_sales"} <= changed

    # Yesterday's partition keeps what was seen of it, though its rows now carry today's time of change in the source.
    daily.materialise([YESTERDAY])
    assert daily.digests() == after
    assert daily.reconcile().holds

    scratch: Platform = new_platform()
    scratch.materialise([YESTERDAY, TODAY])
    assert scratch.reconcile().holds
    for entity, columns in KNOWN_TO_BOTH.items():
        query = f"SELECT {columns} FROM silver.{entity} ORDER BY 1"  # noqa: S608 the constants above
        assert daily.ask(query) == scratch.ask(query), entity
    live = (
        "SELECT sale_item_id, quantity, net_amount, record_hash FROM silver.sale_items WHERE NOT is_deleted ORDER BY 1"
    )
    assert daily.ask(live) == scratch.ask(live)
    removed = [str(line) for line in done.lines_removed]
    assert removed
    gone = "SELECT is_deleted, effective_partition FROM silver.sale_items WHERE sale_item_id = ANY(%s)"
    assert daily.ask(gone, removed) == [(True, TODAY)] * len(removed)
    # Gold shows what is true now, so it does not depend on how often somebody looked.
    when = {"silver_partition", "row_hash"}
    facts = {table for table in daily.digests() if table.startswith(("gold.fct_", "gold.mart_", "gold.dim_"))}
    there, here = scratch.digests(without=when), daily.digests(without=when)
    assert {t: here[t] for t in facts} == {t: there[t] for t in facts}


@pytest.mark.slow
def test_silver_and_gold_made_anew_from_bronze_are_what_they_were(new_platform_for, source):
    platform: Platform = new_platform_for(source)()
    platform.materialise([YESTERDAY])
    happen(source, TODAY)
    platform.materialise([TODAY])
    expected = platform.digests()
    platform.execute("DROP SCHEMA silver, silver_versions, silver_meta, silver_quarantine, meta, gold CASCADE")
    # A process remembers that it made the tables; a later one starts without that.
    replace(platform).materialise_layers({"silver", "gold"}, [YESTERDAY, TODAY])
    assert platform.digests() == expected
