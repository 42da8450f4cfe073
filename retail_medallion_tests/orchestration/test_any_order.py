"""The same days, in any order and any number of times, give the same Silver and Gold."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.platform import NewPlatform, Platform, days, demo_database_on

SEED = 20260617


def snapshot_entities(platform: Platform) -> set[str]:
    return {
        entity
        for entity, blocks in platform.mappings[platform.source].entities.items()
        if any(block.extract.mode == "snapshot" for block in blocks)
    }


def states(digests: dict[str, str]) -> dict[str, str]:
    """Digests of the current state: what users of Silver and Gold read."""
    return {table: digest for table, digest in digests.items() if table.startswith(("silver.", "gold."))}


def records_of(digests: dict[str, str], entities: Iterable[str]) -> dict[str, str]:
    """Digests of versions, books and quarantine of some entities."""
    ends = tuple(mark for entity in entities for mark in (f".{entity}", f"[{entity}]"))
    return {t: d for t, d in digests.items() if t.endswith(ends) and t not in states(digests)}


def assert_same_in_any_order(new_platform: NewPlatform, wanted: list[dt.date]) -> None:
    dice = random.Random(SEED)
    as_range, day_by_day, in_layers = new_platform(), new_platform(), new_platform()
    as_range.materialise(wanted)
    expected = as_range.digests()

    for day in dice.sample(wanted * 2, 2 * len(wanted)):
        day_by_day.materialise([day])
    found = day_by_day.digests()
    assert states(found) == states(expected)
    # A snapshot stands for the day it was taken. Day by day, other days are observed than in one range, so the record
    # of what was seen when differs; what is true now does not.
    others = set(day_by_day.mappings["demo"].entities) - snapshot_entities(day_by_day)
    assert {"sales", "sale_items", "customers", "transactions"} <= others
    assert records_of(found, others) == records_of(expected, others)

    in_layers.materialise_layers({"bronze"}, wanted)
    for day in dice.sample(wanted, len(wanted)):
        in_layers.materialise_layers({"silver", "gold"}, [day])
    assert in_layers.digests() == expected

    assert not empty_tables(expected)
    assert as_range.reconcile().holds
    assert day_by_day.reconcile().holds


def empty_tables(digests: dict[str, str]) -> set[str]:
    """Tables that should have rows and have none; a digest of nothing proves nothing."""
    must = {"sales", "sale_items", "transactions", "products", "customers", "product_categories"}
    must |= {"fct_sale", "fct_sale_item", "fct_transaction", "dim_product", "mart_daily_sales"}
    return {table for table, digest in digests.items() if digest.startswith("0 ") and table.split(".")[1] in must}


def test_days_in_any_order_and_a_range_give_the_same(new_platform):
    assert_same_in_any_order(new_platform, days(3))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fourteen_days_in_any_order_and_a_range_give_the_same(new_platform_for, postgres_server: EmbeddedPostgres):
    wanted = days(14)
    with demo_database_on(postgres_server, last_day=wanted[-1], scale=0.02) as database:
        assert_same_in_any_order(new_platform_for(database), wanted)
