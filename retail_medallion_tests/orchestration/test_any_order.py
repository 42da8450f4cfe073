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
    """Digests of the current state: what users of Silver and Gold read, but for the mart about what each day saw."""
    return {
        table: digest
        for table, digest in digests.items()
        if table.startswith(("silver.", "gold.")) and not table.startswith("gold.mart_data_quality")
    }


def records_of(digests: dict[str, str], entities: Iterable[str]) -> dict[str, str]:
    """Digests of versions, books and quarantine of some entities."""
    ends = tuple(mark for entity in entities for mark in (f".{entity}", f"[{entity}]"))
    return {t: d for t, d in digests.items() if t.endswith(ends) and t not in states(digests)}


def assert_same_day_by_day(platform: Platform, order: list[dt.date], expected: dict[str, str]) -> None:
    for day in order:
        platform.materialise([day])
    found = platform.digests()
    assert states(found) == states(expected)
    # A snapshot stands for the day it was taken. Day by day, other days are observed than in one range, so the record
    # of what was seen when differs; what is true now does not.
    others = set(platform.mappings[platform.source].entities) - snapshot_entities(platform)
    assert {"sales", "sale_items", "customers", "transactions"} <= others
    assert records_of(found, others) == records_of(expected, others)
    assert platform.reconcile().holds


def assert_same_layer_by_layer(platform: Platform, order: list[dt.date], expected: dict[str, str]) -> None:
    platform.materialise_layers({"bronze"}, sorted(order))
    for day in order:
        platform.materialise_layers({"silver", "gold"}, [day])
    assert platform.digests() == expected


def shuffled(wanted: list[dt.date]) -> list[dt.date]:
    return random.Random(SEED).sample(wanted, len(wanted))  # noqa: S311 the same order every time


def shuffled_twice_over(wanted: list[dt.date]) -> list[dt.date]:
    return shuffled(wanted * 2)


def empty_tables(digests: dict[str, str]) -> set[str]:
    """Tables that should have rows and have none; a digest of nothing proves nothing."""
    must = {"sales", "sale_items", "transactions", "products", "customers", "product_categories"}
    must |= {"fct_sale", "fct_sale_item", "fct_transaction", "dim_product", "mart_daily_sales"}
    return {table for table, digest in digests.items() if digest.startswith("0 ") and table.split(".")[1] in must}


@pytest.mark.slow
def test_shuffled_days_repeated_give_what_a_range_gives(new_platform: NewPlatform, loaded: Platform):
    expected = loaded.digests()
    assert not empty_tables(expected)
    first, second, third = days(3)
    assert_same_day_by_day(new_platform(), [second, third, first, second], expected)


@pytest.mark.slow
def test_silver_and_gold_of_shuffled_days_are_those_of_a_range(new_platform: NewPlatform, loaded: Platform):
    first, second, third = days(3)
    assert_same_layer_by_layer(new_platform(), [third, first, second], loaded.digests())


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [4, 14])
def test_shuffled_days_twice_over_give_what_a_range_gives(new_platform_for, postgres_server: EmbeddedPostgres, count):
    wanted = days(count)
    with demo_database_on(postgres_server, last_day=wanted[-1], scale=0.02) as database:
        new_platform = new_platform_for(database)
        as_range = new_platform()
        as_range.materialise(wanted)
        expected = as_range.digests()
        assert not empty_tables(expected)
        assert as_range.reconcile().holds
        assert_same_day_by_day(new_platform(), shuffled_twice_over(wanted), expected)
        assert_same_layer_by_layer(new_platform(), shuffled(wanted), expected)
