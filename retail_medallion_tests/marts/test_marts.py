"""Each mart holds, row by row and to the last decimal, what the tables of its source say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest

from retail_medallion_tests.marts.comparison import Books
from retail_medallion_tests.marts.frames import COLUMNS, Retailer, frame
from retail_medallion_tests.marts.registry import ELSEWHERE, MARTS

SELDOM = {"mart_basket_pair", "mart_product_quality"}
"""A retailer as small as the shared one may have none."""
OF_NORTHWIND = {
    *("mart_daily_sales", "mart_store_day", "mart_payment_reconciliation", "mart_customer_rfm"),
    *("mart_cohort_retention", "mart_customer_value", "mart_fulfilment_service", "mart_product_quality"),
}
"""The others need sales of the last 90 days, stock, carts, coupons or payments, which it has not."""

of_each_mart = pytest.mark.parametrize("mart", MARTS)


def test_every_mart_is_computed_a_second_time(demo_books: Books):
    assert demo_books.marts() == {name for name in MARTS if name.startswith("mart_")} | ELSEWHERE


@of_each_mart
def test_a_mart_of_the_demo_holds_what_the_shop_says(mart: str, demo_books: Books):
    rows = demo_books.assert_same(mart, MARTS[mart](demo_books.retailer))
    assert rows or mart in SELDOM


@of_each_mart
def test_a_mart_of_northwind_holds_what_northwind_says(mart: str, northwind_books: Books):
    rows = northwind_books.assert_same(mart, MARTS[mart](northwind_books.retailer))
    assert bool(rows) == (mart in OF_NORTHWIND)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@of_each_mart
def test_a_mart_of_a_larger_demo_holds_what_the_shop_says(mart: str, grown_books: Books):
    assert grown_books.assert_same(mart, MARTS[mart](grown_books.retailer))


def _one_cent_more(retailer: Retailer) -> Retailer:
    first, *others = retailer.rows("lines")
    lines = frame([{**first, "gross": first["gross"] + Decimal("0.01")}, *others], COLUMNS["lines"])
    return replace(retailer, frames={**retailer.frames, "lines": lines})


def _one_line_less(retailer: Retailer) -> Retailer:
    return replace(retailer, frames={**retailer.frames, "lines": retailer["lines"].iloc[1:]})


@pytest.mark.parametrize("change", [_one_cent_more, _one_line_less])
def test_a_single_cent_or_line_that_differs_is_noticed(change: Callable[[Retailer], Retailer], demo_books: Books):
    other: pd.DataFrame = MARTS["mart_daily_sales"](change(demo_books.retailer))
    with pytest.raises(AssertionError, match=r"mart_daily_sales: \d+ of \d+ rows differ"):
        demo_books.assert_same("mart_daily_sales", other)
