"""The marts over the whole history, on worlds small enough to be worked out by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.gold.keys import member_key
from retail_medallion.gold.rebuild import rebuild
from retail_medallion.gold.recompute import compare
from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.warehouse import Warehouse
from retail_medallion_tests.servers import fresh_database_on

HORIZON = dt.date(2026, 7, 1)
LAST_DAY = dt.date(2026, 6, 30)
WHOLE = [name for name, table in TABLES.items() if table.kind == "mart" and table.is_whole and not table.always]
_PERSON = "00000000-0000-0000-0000-0000000000aa"


def sell(warehouse: Warehouse, source: str, id_: str, day: dt.date, amount: float | str = 10, **values: Any) -> None:
    """One document without lines: its net revenue is its total."""
    warehouse.put(source, "sales", id_, business_date=day, total_amount=Decimal(str(amount)), **values)


def fill(warehouse: Warehouse, source: str, mart: str, *facts: str, horizon: dt.date = HORIZON) -> list[dict[str, Any]]:
    """Bring customers, sales, other facts and then the mart up to date; the rows of the mart."""
    warehouse.horizon(source, horizon)
    for table in ("dim_customer", "fct_sale", *facts, mart):
        warehouse.run(table, source)
    return warehouse.rows(mart, source)


def of_persons(rows: list[dict[str, Any]], source: str, *customers: str) -> list[dict[str, Any]]:
    """The rows of customers that are a person each, in this order."""
    by_person = {row["person_key"]: row for row in rows}
    return [by_person[member_key("customers", source, customer)] for customer in customers]


def scores(row: dict[str, Any]) -> tuple[int, int, int, str]:
    return row["r_score"], row["f_score"], row["m_score"], row["segment"]


def test_persons_who_bought_alike_are_put_into_fifths_by_their_key(warehouse: Warehouse, source: str) -> None:
    for number in range(7):
        sell(warehouse, source, f"s{number}", LAST_DAY, customer_id=f"c{number}")
    rows = fill(warehouse, source, "mart_customer_rfm")
    # Seven persons in five groups: the first two groups have one more.
    ranked = [(row["r_score"], row["f_score"], row["m_score"]) for row in sorted(rows, key=lambda r: r["person_key"])]
    assert ranked == [(n, n, n) for n in (1, 1, 2, 2, 3, 4, 5)]


def test_scores_name_the_first_segment_that_fits(warehouse: Warehouse, source: str) -> None:
    world = {  # last day in June, purchases, net revenue: each customer's scores are their places among the five
        "EUR": {"a": (1, 3, 10), "b": (2, 2, 20), "c": (3, 4, 30), "d": (4, 1, 50), "e": (5, 5, 40)},
        "USD": {"a": (1, 5, 30), "b": (2, 4, 40), "c": (3, 1, 50), "d": (4, 3, 20), "e": (5, 2, 10)},
    }
    for currency, customers in world.items():
        for customer, (day, purchases, revenue) in customers.items():
            for n in range(purchases):
                sell(
                    warehouse,
                    source,
                    f"{customer}{currency}{n}",
                    dt.date(2026, 6, day),
                    revenue if n == 0 else 0,
                    currency_code=currency,
                    customer_id=customer,
                )
    rows = fill(warehouse, source, "mart_customer_rfm")
    euro = of_persons([r for r in rows if r["currency_code"] == "EUR"], source, *"abcde")
    assert [scores(row) for row in euro] == [
        (1, 3, 1, "lost"),
        (2, 2, 2, "hibernating"),
        (3, 4, 3, "loyal"),
        (4, 1, 5, "big_spender"),
        (5, 5, 4, "champion"),
    ]
    dollar = of_persons([r for r in rows if r["currency_code"] == "USD"], source, *"abcde")
    assert [scores(row) for row in dollar] == [
        (1, 5, 3, "at_risk"),
        (2, 4, 4, "at_risk"),
        (3, 1, 5, "big_spender"),
        (4, 3, 2, "promising"),
        (5, 2, 1, "new"),
    ]


def test_recency_frequency_and_money_end_with_the_last_closed_day_and_go_back_twelve_months(
    warehouse: Warehouse, source: str
) -> None:
    for id_, day, amount in (
        ("before", dt.date(2025, 6, 30), 1),
        ("first", dt.date(2025, 7, 1), 2),
        ("last", dt.date(2026, 6, 28), 4),
        ("open", HORIZON, 8),
    ):
        sell(warehouse, source, id_, day, amount, customer_id="a")
    sell(warehouse, source, "back", dt.date(2026, 6, 29), -3, sale_type="return", customer_id="a")
    sell(warehouse, source, "swap", dt.date(2026, 6, 1), 16, sale_type="exchange", customer_id="a")
    sell(warehouse, source, "draft", dt.date(2026, 6, 29), 32, status="draft", customer_id="a")
    sell(warehouse, source, "old", dt.date(2024, 6, 29), 64, customer_id="b")
    # No buyers: somebody unknown, somebody who only returned, somebody of the open day.
    sell(warehouse, source, "nobody", dt.date(2026, 6, 1), 128)
    sell(warehouse, source, "returned", dt.date(2026, 6, 1), -5, sale_type="return", customer_id="c")
    sell(warehouse, source, "too new", HORIZON, 256, customer_id="d")
    rows = fill(warehouse, source, "mart_customer_rfm")
    assert len(rows) == 2
    a, b = of_persons(rows, source, "a", "b")
    assert (a["last_sale_date"], a["recency_days"]) == (dt.date(2026, 6, 28), 2)
    assert (a["frequency_12m"], a["monetary_12m"]) == (3, 2 + 4 + 16 - 3)
    assert (b["recency_days"], b["frequency_12m"], b["monetary_12m"]) == (731, 0, 0)


def test_accounts_of_one_person_are_one_buyer_and_currencies_stay_apart(warehouse: Warehouse, source: str) -> None:
    for customer in "ab":
        warehouse.put(source, "customers", customer, identity_hash=_PERSON)
    sell(warehouse, source, "s1", dt.date(2026, 6, 1), 10, customer_id="a")
    sell(warehouse, source, "s2", dt.date(2026, 6, 11), 20, customer_id="b")
    sell(warehouse, source, "s3", dt.date(2026, 6, 12), 40, customer_id="b", currency_code="USD")
    rows = fill(warehouse, source, "mart_customer_rfm")
    found = {(str(r["person_key"]), r["currency_code"]): (r["frequency_12m"], r["monetary_12m"]) for r in rows}
    assert found == {(_PERSON, "EUR"): (2, 30), (_PERSON, "USD"): (1, 40)}
    euro, _ = sorted(fill(warehouse, source, "mart_customer_value"), key=lambda r: r["currency_code"])
    assert (euro["orders"], euro["average_gap_days"]) == (2, 10)
    assert {r["customers"] for r in fill(warehouse, source, "mart_cohort_retention")} == {1}

    # A customer who turns out to be another person is told by the dimension alone.
    warehouse.put(source, "customers", "b", day=LAST_DAY, identity_hash=_PERSON.replace("aa", "bb"))
    assert [r["orders"] for r in fill(warehouse, source, "mart_customer_value")] == [1, 1, 1]


def test_the_value_of_a_customer_is_worked_out_from_purchases_returns_and_gaps(
    warehouse: Warehouse, source: str
) -> None:
    for id_, day, amount in (("s1", 1, 10), ("s2", 11, 20), ("s3", 16, 40)):
        sell(warehouse, source, id_, dt.date(2026, 6, day), amount, customer_id="a")
    sell(warehouse, source, "back", dt.date(2026, 6, 20), -5, sale_type="return", customer_id="a")
    warehouse.put(source, "sale_items", "i", sale_id="s1", gross_amount=10, unit_cost=4)
    sell(warehouse, source, "once", dt.date(2026, 6, 23), 30, customer_id="b")
    sell(warehouse, source, "t1", dt.date(2025, 12, 3), 1, customer_id="c")
    sell(warehouse, source, "t2", dt.date(2026, 6, 21), 2, customer_id="c")
    sell(warehouse, source, "dollar", dt.date(2025, 1, 1), 30, customer_id="b", currency_code="USD")
    rows = fill(warehouse, source, "mart_customer_value")

    a, b, c = of_persons([r for r in rows if r["currency_code"] == "EUR"], source, "a", "b", "c")
    assert (a["orders"], a["net_revenue"], a["margin_amount"], a["documents_without_margin"]) == (3, 65, 6, 3)
    assert (a["first_sale_date"], a["last_sale_date"]) == (dt.date(2026, 6, 1), dt.date(2026, 6, 16))
    assert a["average_order_value"] == Decimal("23.3333")  # (10 + 20 + 40) / 3
    assert a["orders_per_year"] == Decimal("12.1667")  # 3 * 365 / 90: thirty days since the first count as ninety
    assert a["average_gap_days"] == Decimal("7.5")  # 10 and 5 days
    assert a["silence_days"] == 14
    assert a["probability_active"] == Decimal("0.333333")  # (1 + 0) / (1 + 2): no gap was as long
    assert a["projected_12m"] == Decimal("94.6297")  # 23.3333 * 12.1667 * 0.333333

    # One purchase, seven days ago: of all gaps in euro (10, 5, 200) two are as long.
    assert (b["average_gap_days"], b["silence_days"], b["probability_active"]) == (None, 7, Decimal("0.75"))
    assert c["orders_per_year"] == Decimal("3.4762")  # 2 * 365 / 210
    assert (c["silence_days"], c["probability_active"]) == (9, 1)

    # Nobody bought twice in dollars: nothing speaks against the only customer.
    (dollar,) = [r for r in rows if r["currency_code"] == "USD"]
    assert (dollar["silence_days"], dollar["probability_active"]) == (545, 1)


def test_a_gap_exactly_as_long_as_the_silence_counts_and_so_do_two_purchases_of_one_day(
    warehouse: Warehouse, source: str
) -> None:
    for id_, day in (("s1", 24), ("s2", 27), ("s3", 27)):
        sell(warehouse, source, id_, dt.date(2026, 6, day), customer_id="a")
    sell(warehouse, source, "last", LAST_DAY, customer_id="b")
    a, b = of_persons(fill(warehouse, source, "mart_customer_value"), source, "a", "b")
    # Gaps 3 and 0, silence 3.
    assert (a["average_gap_days"], a["probability_active"]) == (Decimal("1.5"), Decimal("0.666667"))
    assert (b["silence_days"], b["probability_active"]) == (0, 1)


def test_a_cohort_has_every_month_up_to_the_last_closed_day(warehouse: Warehouse, source: str) -> None:
    sell(warehouse, source, "early return", dt.date(2026, 3, 31), -2, sale_type="return", customer_id="a")
    sell(warehouse, source, "a1", dt.date(2026, 4, 1), 10, customer_id="a")
    sell(warehouse, source, "b1", dt.date(2026, 4, 30), 20, customer_id="b")
    sell(warehouse, source, "a2", dt.date(2026, 5, 15), 15, customer_id="a")
    sell(warehouse, source, "a3", dt.date(2026, 5, 16), 15, customer_id="a")
    sell(warehouse, source, "b return", dt.date(2026, 5, 16), -5, sale_type="return", customer_id="b")
    sell(warehouse, source, "b2", LAST_DAY, 7, customer_id="b")
    sell(warehouse, source, "c1", dt.date(2026, 5, 1), 3, customer_id="c")
    sell(warehouse, source, "dollar", dt.date(2026, 6, 1), 9, customer_id="a", currency_code="USD")
    sell(warehouse, source, "open", HORIZON, 1000, customer_id="a")
    rows = fill(warehouse, source, "mart_cohort_retention")
    columns = ("customers", "active", "retention", "net_revenue", "cumulative_revenue_per_head")
    found = {
        (r["currency_code"], r["cohort_month"].month, r["months_since"]): tuple(r[column] for column in columns)
        for r in rows
    }
    half = Decimal("0.5")
    assert found == {
        ("EUR", 4, 0): (2, 2, 1, 30, 15),
        ("EUR", 4, 1): (2, 1, half, 25, Decimal("27.5")),  # 55 of two
        ("EUR", 4, 2): (2, 1, half, 7, 31),  # 62 of two
        ("EUR", 5, 0): (1, 1, 1, 3, 3),
        ("EUR", 5, 1): (1, 0, 0, 0, 3),
        ("USD", 6, 0): (1, 1, 1, 9, 9),
    }
    # A month begins when its first day is closed.
    assert len(fill(warehouse, source, "mart_cohort_retention", horizon=dt.date(2026, 7, 2))) == 9


def test_months_since_go_over_the_turn_of_the_year(warehouse: Warehouse, source: str) -> None:
    sell(warehouse, source, "s", dt.date(2025, 11, 30), customer_id="a")
    rows = fill(warehouse, source, "mart_cohort_retention", horizon=dt.date(2026, 2, 1))
    assert sorted(row["months_since"] for row in rows) == [0, 1, 2]


def basket(warehouse: Warehouse, source: str, id_: str, products: Any, day: dt.date = LAST_DAY, **values: Any) -> None:
    """A sale with a line of type sale for each product."""
    sell(warehouse, source, id_, day, **values)
    for number, product in enumerate(products):
        warehouse.put(source, "sale_items", f"{id_}-{number}", sale_id=id_, product_id=product)


def test_a_pair_is_counted_among_the_baskets_of_the_last_ninety_days(warehouse: Warehouse, source: str) -> None:
    basket(warehouse, source, "first", "ab", dt.date(2026, 4, 2))
    basket(warehouse, source, "last", "ab", LAST_DAY)
    basket(warehouse, source, "swap", "abb", sale_type="exchange")
    for n in range(2):
        basket(warehouse, source, f"both{n}", "ab")
    for n in range(4):  # One joint sale less than a pair needs.
        basket(warehouse, source, f"rare{n}", "ac")
    basket(warehouse, source, "alone", "b")
    # Outside the window, not sold, and no basket.
    basket(warehouse, source, "before", "abc", dt.date(2026, 4, 1))
    basket(warehouse, source, "open", "abc", HORIZON)
    basket(warehouse, source, "cancelled", "abc", status="cancelled")
    basket(warehouse, source, "back", "abc", sale_type="return")
    sell(warehouse, source, "no goods", LAST_DAY)
    for n, (line_type, product) in enumerate((("return", "a"), ("shipping", "b"), ("sale", None))):
        warehouse.put(source, "sale_items", f"x{n}", sale_id="no goods", line_type=line_type, product_id=product)
    (pair,) = fill(warehouse, source, "mart_basket_pair", "fct_sale_item")

    keys = {id_: member_key("products", source, id_) for id_ in "ab"}
    a, b = sorted("ab", key=lambda id_: keys[id_])
    assert (pair["product_a_key"], pair["product_b_key"]) == (keys[a], keys[b])
    assert (pair["window_start"], pair["window_end"]) == (dt.date(2026, 4, 2), LAST_DAY)
    sales = {"a": 9, "b": 6}
    assert (pair["baskets"], pair["sales_with_both"]) == (10, 5)
    assert (pair["sales_with_a"], pair["sales_with_b"]) == (sales[a], sales[b])
    confidence = {"a": Decimal("0.555556"), "b": Decimal("0.833333")}
    assert (pair["support"], pair["confidence_ab"], pair["confidence_ba"]) == (
        Decimal("0.5"),
        confidence[a],
        confidence[b],
    )
    assert pair["lift"] == Decimal("0.925926")  # 5 * 10 / (9 * 6)


def test_a_basket_of_more_than_a_hundred_products_counts_for_nothing(warehouse: Warehouse, source: str) -> None:
    for n in range(4):
        basket(warehouse, source, f"s{n}", "ab")
    basket(warehouse, source, "large", ["a", "b", *(f"p{n}" for n in range(99))])
    assert fill(warehouse, source, "mart_basket_pair", "fct_sale_item") == []
    warehouse.put(source, "sale_items", "large-50", sale_id="large", product_id="a")
    (pair,) = fill(warehouse, source, "mart_basket_pair", "fct_sale_item")
    assert (pair["baskets"], pair["sales_with_both"], pair["lift"]) == (5, 5, 1)


def review(warehouse: Warehouse, source: str, id_: str, day: dt.date, rating: str, **values: Any) -> None:
    values = {"product_id": "a", "customer_id": None, **values}
    warehouse.put(source, "product_reviews", id_, business_date=day, rating=Decimal(rating), **values)


def test_quality_sets_what_comes_back_of_a_product_beside_its_reviews(warehouse: Warehouse, source: str) -> None:
    may, june = dt.date(2026, 5, 31), dt.date(2026, 6, 1)
    sell(warehouse, source, "s", june, customer_id="u")
    warehouse.put(source, "sale_items", "i1", sale_id="s", product_id="a", quantity=8, returned_quantity=1)
    warehouse.put(source, "sale_items", "i2", sale_id="s", product_id="b", quantity=5)
    warehouse.put(source, "sale_items", "i3", sale_id="s", product_id="b", quantity=1, line_type="shipping")
    warehouse.put(source, "sale_items", "i4", sale_id="s", quantity=7)  # Free text: no product.
    for id_, day in (("back", dt.date(2026, 6, 10)), ("again", dt.date(2026, 6, 20))):
        sell(warehouse, source, id_, day, -10, sale_type="return", customer_id="u")
        warehouse.put(source, "sale_items", id_, sale_id=id_, product_id="a", line_type="return", quantity=1)
    sell(warehouse, source, "draft", june, status="draft", customer_id="v")
    warehouse.put(source, "sale_items", "j", sale_id="draft", product_id="a", line_type="return", quantity=1)
    review(warehouse, source, "before", dt.date(2026, 6, 9), "5", customer_id="u")
    review(warehouse, source, "on the day", dt.date(2026, 6, 10), "2", customer_id="u")
    review(warehouse, source, "kept it", june, "3", customer_id="v")
    review(warehouse, source, "nobody", june, "2")
    review(warehouse, source, "hidden", june, "1", status="hidden")
    review(warehouse, source, "other", may, "4.5", product_id="c", customer_id="u")
    review(warehouse, source, "style", may, "1", product_id=None, parent_product_id="a")
    rows = fill(warehouse, source, "mart_product_quality", "fct_sale_item", "fct_review")

    ids = {member_key("products", source, id_): id_ for id_ in "abc"}
    columns = ("units_sold", "returned_units", "return_rate", "reviews", "average_rating", "low_rating_share")
    found = {(r["month_start"].month, ids[r["product_key"]]): tuple(r[c] for c in columns) for r in rows}
    assert found == {
        # One unit counted on the sold line, two on return lines; ratings 5, 2, 3 and 2.
        (6, "a"): (8, 3, Decimal("0.375"), 4, 3, Decimal("0.5")),
        (6, "b"): (5, 0, 0, 0, None, None),
        (5, "c"): (0, 0, None, 1, Decimal("4.5"), 0),
    }
    places = ("reviews_before_return", "reviews_after_return", "rating_rank", "return_rank")
    found = {(r["month_start"].month, ids[r["product_key"]]): tuple(r[c] for c in places) for r in rows}
    assert found == {(6, "a"): (1, 1, 1, 2), (6, "b"): (0, 0, None, 1), (5, "c"): (0, 0, 1, None)}


def test_products_of_equal_quality_share_a_place(warehouse: Warehouse, source: str) -> None:
    for product, ratings in (("a", "45"), ("b", "54"), ("c", "3")):
        for n, rating in enumerate(ratings):
            review(warehouse, source, f"{product}{n}", LAST_DAY, rating, product_id=product)
    rows = fill(warehouse, source, "mart_product_quality", "fct_review")
    assert sorted((row["rating_rank"], row["average_rating"]) for row in rows) == [
        (1, Decimal("4.5")),
        (1, Decimal("4.5")),
        (3, 3),
    ]


def test_more_can_come_back_in_a_month_than_was_sold_in_it(warehouse: Warehouse, source: str) -> None:
    sell(warehouse, source, "s", LAST_DAY)
    warehouse.put(source, "sale_items", "i", sale_id="s", product_id="a", quantity=Decimal("0.001"))
    warehouse.put(source, "sale_items", "j", sale_id="s", product_id="a", quantity=5000, line_type="return")
    (row,) = fill(warehouse, source, "mart_product_quality", "fct_sale_item")
    assert row["return_rate"] == 5_000_000


def test_orders_with_a_coupon_stand_beside_those_without_and_those_before(warehouse: Warehouse, source: str) -> None:
    june = dt.date(2026, 6, 10)
    coupon: dict[str, Any] = {"coupon_ids": ["k"], "channel": "web"}
    # A customer of old redeems twice, a new one once, somebody unknown once.
    sell(warehouse, source, "u1", june, 30, customer_id="u", discount_amount=3, **coupon)
    sell(warehouse, source, "u2", dt.date(2026, 6, 20), 50, customer_id="u", **coupon)
    sell(warehouse, source, "v1", june, 40, customer_id="v", **coupon)
    sell(warehouse, source, "n1", june, 20, coupon_ids=["k"], channel="store")
    # Before: 90 days count, 91 do not; nor do dollars, returns, nor what came between the two redemptions.
    for id_, day, amount, values in (
        ("first day", june - dt.timedelta(days=90), 10, {}),
        ("day before", june - dt.timedelta(days=1), 15, {"coupon_ids": ["other"]}),
        ("too old", june - dt.timedelta(days=91), 1000, {}),
        ("between", june + dt.timedelta(days=1), 1000, {"channel": "phone"}),
        ("returned", june - dt.timedelta(days=2), -1000, {"sale_type": "return"}),
        ("dollars", june - dt.timedelta(days=2), 1000, {"currency_code": "USD"}),
    ):
        sell(warehouse, source, id_, day, amount, customer_id="u", **values)
    # Peers on the web in June, without any coupon, in euro; none in the store, for "day before" has a coupon.
    sell(warehouse, source, "p1", dt.date(2026, 6, 1), 10, channel="web")
    sell(warehouse, source, "p2", LAST_DAY, 11, channel="web", sale_type="exchange")
    sell(warehouse, source, "other coupon", LAST_DAY, 1000, channel="web", coupon_ids=["other"])
    sell(warehouse, source, "other month", dt.date(2026, 5, 31), 1000, channel="web")
    sell(warehouse, source, "peer in dollars", LAST_DAY, 1000, channel="web", currency_code="USD")
    # No redemption: cancelled, or on a day that is not closed.
    sell(warehouse, source, "cancelled", june, 1000, status="cancelled", **coupon)
    sell(warehouse, source, "open", HORIZON, 1000, **coupon)
    rows = fill(warehouse, source, "mart_coupon_effect", "fct_coupon_redemption")
    (row,) = [r for r in rows if r["coupon_key"] == member_key("coupons", source, "k")]

    assert (row["month_start"], row["redemptions"], row["customers"]) == (dt.date(2026, 6, 1), 4, 2)
    assert row["new_customer_share"] == Decimal("0.333333")  # v1, of u1, u2 and v1
    assert (row["discount_amount"], row["net_revenue"], row["margin_amount"]) == (3, 140, 0)
    assert row["average_order_with"] == 35  # 140 / 4
    assert row["average_order_without"] == Decimal("10.5")  # (10 + 11) / 2 for three redemptions; none in the store
    assert row["prior_90_average_order"] == Decimal("12.5")  # (10 + 15) / 2
    assert row["uplift"] == Decimal("22.5")


def test_peers_weigh_as_much_as_the_redemptions_they_are_peers_of(warehouse: Warehouse, source: str) -> None:
    for n, channel in enumerate(("web", "web", "store")):
        sell(warehouse, source, f"s{n}", LAST_DAY, 100, channel=channel, coupon_ids=["k"])
    sell(warehouse, source, "web", LAST_DAY, 10, channel="web")
    for n, amount in enumerate((10, 10, 31)):
        sell(warehouse, source, f"store{n}", LAST_DAY, amount, channel="store")
    (row,) = fill(warehouse, source, "mart_coupon_effect", "fct_coupon_redemption")
    assert row["average_order_without"] == Decimal("12.3333")  # (10 + 10 + 17) / 3
    assert (row["customers"], row["new_customer_share"]) == (0, None)
    assert (row["prior_90_average_order"], row["uplift"]) == (None, None)


def test_the_first_of_two_purchases_of_a_day_is_the_earlier_one(warehouse: Warehouse, source: str) -> None:
    for id_, hour, coupon in (("early", 9, "a"), ("late", 10, "b")):
        sold_at = dt.datetime(2026, 6, 30, hour, tzinfo=dt.UTC)
        sell(warehouse, source, id_, LAST_DAY, customer_id="u", sold_at=sold_at, coupon_ids=[coupon])
    # What was returned before is no purchase.
    sell(warehouse, source, "back", dt.date(2026, 6, 1), -5, sale_type="return", customer_id="u")
    rows = fill(warehouse, source, "mart_coupon_effect", "fct_coupon_redemption")
    found = {row["coupon_key"]: row["new_customer_share"] for row in rows}
    assert found == {member_key("coupons", source, "a"): 1, member_key("coupons", source, "b"): 0}


def move(warehouse: Warehouse, source: str, id_: str, day: dt.date, quantity: int, **values: Any) -> None:
    """A movement of product `a` at location `l`: units received, or issued for sales."""
    values = {"product_id": "a", "movement_type": "sale_issue" if quantity < 0 else "purchase_receipt", **values}
    warehouse.put(source, "stock_movements", id_, business_date=day, quantity=quantity, **values)


def stock(warehouse: Warehouse, source: str, horizon: dt.date = HORIZON) -> list[dict[str, Any]]:
    warehouse.horizon(source, horizon)
    for table in ("fct_stock_movement", "fct_inventory_daily", "mart_inventory_health"):
        warehouse.run(table, source)
    return sorted(warehouse.rows("mart_inventory_health", source), key=lambda row: row["week_start"])


def test_a_week_of_stock_opens_receives_sells_and_closes(warehouse: Warehouse, source: str) -> None:
    cost = {"unit_cost": Decimal("2.5"), "currency_code": "EUR"}
    # The source's first day is Monday the first of June; the last closed day is Tuesday the thirtieth.
    move(warehouse, source, "opening", dt.date(2026, 5, 20), 10, movement_type="opening_balance", **cost)
    move(warehouse, source, "sold out", dt.date(2026, 6, 3), -10)
    move(warehouse, source, "filled", dt.date(2026, 6, 6), 20)
    move(warehouse, source, "brought back", dt.date(2026, 6, 9), 1, movement_type="customer_return")
    move(warehouse, source, "came", dt.date(2026, 6, 10), 3, movement_type="transfer_in")
    move(warehouse, source, "sold", dt.date(2026, 6, 30), -4)
    rows = stock(warehouse, source)
    columns = ("opening_quantity", "received_quantity", "sold_quantity", "closing_quantity", "stock_out_days")
    assert {r["week_start"].day: tuple(r[c] for c in columns) for r in rows} == {
        # There is no stored day before the first one: nothing opens the first week. Out on 3, 4 and 5 June.
        1: (0, 20, 10, 20, 3),
        8: (20, 4, 0, 24, 0),
        15: (24, 0, 0, 24, 0),
        22: (24, 0, 0, 24, 0),
        29: (24, 0, 4, 20, 0),
    }
    assert [r["sell_through"] for r in rows] == [Decimal("0.5"), 0, 0, 0, Decimal("0.166667")]
    # 20 left of ten sold; 24 of ten; at last ten on 3 June are the 28th day back and count: 20 * 28 / 14.
    assert [r["cover_days"] for r in rows] == [56, Decimal("67.2"), Decimal("67.2"), Decimal("67.2"), 40]
    assert [(r["stock_value"], r["currency_code"]) for r in rows][-1] == (50, "EUR")
    assert {(r["abc_class"], r["is_aged"]) for r in rows} == {("A", False)}


def test_a_week_cut_by_the_first_day_and_one_that_has_just_begun_have_fewer_days(
    warehouse: Warehouse, source: str
) -> None:
    # Wednesday.
    warehouse.execute(
        "UPDATE silver_meta.source SET first_partition = '2026-06-03' WHERE source_system = %s", (source,)
    )
    move(warehouse, source, "sold", dt.date(2026, 6, 7), -1)
    move(warehouse, source, "filled", dt.date(2026, 6, 9), 1)
    rows = stock(warehouse, source, dt.date(2026, 6, 9))
    # Short of one from Sunday on: five days of the first week, Monday alone of the second.
    assert [(r["week_start"].day, r["stock_out_days"], r["sell_through"]) for r in rows] == [(1, 5, None), (8, 1, None)]
    assert [(r["closing_quantity"], r["cover_days"]) for r in rows] == [(-1, -28), (-1, -28)]
    # Balanced on Tuesday, with a row for its movement; without stock or movements there is none any more.
    rows = stock(warehouse, source, dt.date(2026, 7, 1))
    assert [(r["week_start"].day, r["opening_quantity"], r["closing_quantity"]) for r in rows] == [
        (1, 0, -1),
        (8, -1, 0),
    ]
    assert [(r["stock_out_days"], r["cover_days"], r["stock_value"]) for r in rows] == [(5, -28, None), (7, 0, None)]


def test_stock_is_aged_when_it_lies_longer_than_ninety_days_after_a_sale(warehouse: Warehouse, source: str) -> None:
    warehouse.execute(
        "UPDATE silver_meta.source SET first_partition = '2026-01-01' WHERE source_system = %s", (source,)
    )
    move(warehouse, source, "came", dt.date(2026, 3, 1), 9)
    move(warehouse, source, "sold", dt.date(2026, 3, 30), -1)
    move(warehouse, source, "never sold", dt.date(2026, 1, 1), 9, product_id="b")
    key = member_key("products", source, "a")
    # The last day of the week before is Sunday 28 June, day 90; the last closed day is day 92.
    rows = [r for r in stock(warehouse, source) if r["product_key"] == key]
    assert [r["is_aged"] for r in rows[-2:]] == [False, True]
    assert {r["is_aged"] for r in warehouse.rows("mart_inventory_health", source) if r["product_key"] != key} == {False}


def test_the_mart_goes_back_twenty_six_weeks(warehouse: Warehouse, source: str) -> None:
    warehouse.execute(
        "UPDATE silver_meta.source SET first_partition = '2025-12-01' WHERE source_system = %s", (source,)
    )
    move(warehouse, source, "came", dt.date(2025, 12, 1), 9)
    for horizon, first in ((dt.date(2026, 6, 29), dt.date(2025, 12, 29)), (dt.date(2026, 6, 30), dt.date(2026, 1, 5))):
        rows = stock(warehouse, source, horizon)
        assert (len(rows), rows[0]["week_start"], rows[0]["opening_quantity"]) == (26, first, 9)


def test_products_are_classed_by_the_share_of_those_that_sell_better(warehouse: Warehouse, source: str) -> None:
    # Of 100 units: before a 0, before b 0.5, before c 0.8, before e 0.94, before d 0.99; f sold none.
    for product, sold in {"a": 50, "b": 30, "c": 14, "d": 1, "e": 5, "f": 0}.items():
        move(warehouse, source, f"in {product}", dt.date(2026, 6, 1), 100, product_id=product)
        if sold:
            move(warehouse, source, f"out {product}", dt.date(2026, 6, 2), -sold, product_id=product)
    names = {member_key("products", source, product): product for product in "abcdef"}
    found = {names[row["product_key"]]: row["abc_class"] for row in stock(warehouse, source)}
    assert found == {"a": "A", "b": "A", "c": "B", "e": "B", "d": "C", "f": "C"}


@pytest.mark.parametrize("mart", WHOLE)
def test_a_mart_is_left_alone_until_something_it_reads_changes_or_the_horizon_moves(
    warehouse: Warehouse, source: str, mart: str
) -> None:
    warehouse.put(source, "customers", "u")
    basket(warehouse, source, "s", "ab", customer_id="u", coupon_ids=["k"])
    warehouse.horizon(source, HORIZON)
    warehouse.run_all(source)
    again = warehouse.run(mart, source)
    assert (again.skipped, again.metadata["recomputed"]) == (True, 0)

    if TABLES[mart].horizon is not None:
        warehouse.horizon(source, HORIZON + dt.timedelta(days=1))
        assert warehouse.run(mart, source).metadata["recomputed"] == 1
        assert warehouse.run(mart, source).metadata["recomputed"] == 0
    # A payment changes the sale, but no column any of these marts reads.
    warehouse.put(source, "transactions", "t", sale_id="s")
    warehouse.run("fct_sale", source)
    assert warehouse.run(mart, source).metadata["recomputed"] == 0
    with warehouse.engine.begin() as connection:
        assert not compare(connection, source)[mart]


def test_the_marts_are_what_a_rebuild_makes_of_the_same_history(postgres_server: EmbeddedPostgres) -> None:
    source = "shop"
    with fresh_database_on(postgres_server, prefix="gold") as database:
        warehouse = Warehouse(database.url)
        warehouse.add_source(source)
        _compare_with_rebuild(warehouse, source)
        warehouse.engine.dispose()


def _compare_with_rebuild(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "customers", "u")
    for n in range(5):
        basket(warehouse, source, f"s{n}", "ab", customer_id="u", coupon_ids=["k"])
    warehouse.horizon(source, HORIZON)
    warehouse.run_all(source)
    before = {mart: warehouse.rows(mart, source) for mart in WHOLE}
    assert before["mart_basket_pair"]
    with warehouse.engine.begin() as connection:
        assert not any(compare(connection, source).values())
        rebuild(connection)
    for mart in WHOLE:
        assert sorted(map(repr, warehouse.rows(mart, source))) == sorted(map(repr, before[mart]))


def test_nothing_is_counted_before_anything_is_loaded(warehouse: Warehouse, source: str) -> None:
    sell(warehouse, source, "s", LAST_DAY, customer_id="a")
    for table in ("dim_customer", "fct_sale", "mart_customer_rfm"):
        warehouse.run(table, source)
    assert warehouse.rows("mart_customer_rfm", source) == []
    assert len(fill(warehouse, source, "mart_customer_rfm")) == 1


def test_a_deleted_sale_leaves_the_marts(warehouse: Warehouse, source: str) -> None:
    sell(warehouse, source, "s", LAST_DAY, customer_id="a")
    assert len(fill(warehouse, source, "mart_customer_rfm")) == 1
    warehouse.drop(source, "sales", "s")
    assert fill(warehouse, source, "mart_customer_rfm") == []
