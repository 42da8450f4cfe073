"""The mart of data quality counts what the tables of the source hold, day by day."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest

from retail_medallion_tests.marts.comparison import Books, assert_equal
from retail_medallion_tests.marts.demo_loads import loads
from retail_medallion_tests.servers import FreshDatabase

KEY = ["partition_date", "entity"]


def _compare(database: FreshDatabase, books: Books) -> None:
    retailer = books.retailer
    with contextlib.closing(database.connect()) as source:
        wanted = loads(source, first_day=retailer.first_day, horizon=retailer.horizon)
    _, _, stored = books.stored("mart_data_quality")
    assert assert_equal("mart_data_quality", KEY, wanted, stored) == 16 * len({row["partition_date"] for row in wanted})
    assert sum(row["rejected"] for row in stored) > 10
    for row in stored:
        assert sum(row["findings_by_rule"].values()) == row["findings"]


def test_every_row_of_the_shop_is_counted_on_its_day_as_accepted_rejected_or_superseded(
    demo_database: FreshDatabase, demo_books: Books
):
    _compare(demo_database, demo_books)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_row_of_a_larger_shop_is_counted_on_its_day(grown_database: FreshDatabase, grown_books: Books):
    _compare(grown_database, grown_books)


def test_northwind_is_counted_on_its_only_day(northwind_books: Books):
    entities = ("product_categories", "products", "suppliers", "customers", "sales", "sale_items", "sale_fulfilments")
    wanted = [
        {
            "partition_date": dt.date(2026, 6, 17),
            "entity": entity,
            "rows_read": rows,
            "filtered": 0,
            "accepted": rows,
            "rejected": 0,
            "superseded": 0,
            "rejections": {},
            "days_behind": 0,
        }
        for entity, rows in zip(entities, (8, 77, 29, 91, 830, 2155, 830), strict=True)
    ]
    _, _, stored = northwind_books.stored("mart_data_quality")
    assert assert_equal("mart_data_quality", KEY, wanted, stored) == len(entities)
