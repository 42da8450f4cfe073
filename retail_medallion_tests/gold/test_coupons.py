from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from retail_medallion.gold.keys import NOT_APPLICABLE, member_key
from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import DAY, Warehouse

NEXT_DAY = DAY + dt.timedelta(days=1)


def shares(warehouse: Warehouse, source: str) -> dict[str, Decimal]:
    """Discount by coupon, of a source where each is redeemed once."""
    coupons = {row["coupon_key"]: row["coupon_id"] for row in warehouse.rows("dim_coupon", source)}
    return {coupons[r["coupon_key"]]: r["discount_amount"] for r in warehouse.rows("fct_coupon_redemption", source)}


def is_as_recomputed(warehouse: Warehouse, source: str) -> bool:
    with warehouse.engine.begin() as connection:
        return not any(compare(connection, source).values())


def test_a_coupon_has_the_local_days_of_its_validity_and_its_owner(warehouse: Warehouse) -> None:
    warehouse.add_source("tokyo", "Asia/Tokyo")
    warehouse.put(
        "tokyo",
        "coupons",
        "c",
        coupon_code="SUMMER",
        discount_value=10,
        starts_at=dt.datetime(2026, 6, 1, 14, 59, tzinfo=dt.UTC),
        ends_at=dt.datetime(2026, 6, 30, 15, 0, tzinfo=dt.UTC),
        customer_id="u",
    )
    warehouse.run_all("tokyo")
    (coupon,) = warehouse.rows("dim_coupon", "tokyo")
    assert (coupon["valid_from_date"], coupon["valid_to_date"]) == (dt.date(2026, 6, 1), dt.date(2026, 7, 1))
    assert coupon["customer_key"] == member_key("customers", "tokyo", "u")
    assert [(r["customer_id"], r["is_inferred"]) for r in warehouse.rows("dim_customer", "tokyo")] == [("u", True)]


def test_an_unknown_coupon_is_inferred_filled_when_it_comes_and_released_with_its_last_use(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s", discount_amount=1, coupon_ids=["c"])
    warehouse.put(source, "sale_items", "i", sale_id="s", coupon_id="d", discount_amount=1)
    warehouse.run_all(source)
    members = {r["coupon_id"]: r for r in warehouse.rows("dim_coupon", source)}
    assert {i: (r["is_inferred"], r["status"]) for i, r in members.items()} == {
        "c": (True, "unknown"),
        "d": (True, "unknown"),
    }
    (line,) = warehouse.rows("fct_sale_item", source)
    assert line["coupon_key"] == members["d"]["coupon_key"] == member_key("coupons", source, "d")

    warehouse.put(source, "coupons", "c", day=NEXT_DAY, coupon_code="SUMMER")
    warehouse.run_all(source, NEXT_DAY)
    members = {r["coupon_id"]: r for r in warehouse.rows("dim_coupon", source)}
    assert (members["c"]["is_inferred"], members["c"]["coupon_code"]) == (False, "SUMMER")

    warehouse.put(source, "sale_items", "i", sale_id="s")
    warehouse.run_all(source, NEXT_DAY)
    assert [r["coupon_id"] for r in warehouse.rows("dim_coupon", source)] == ["c"]
    assert [r["coupon_key"] for r in warehouse.rows("fct_sale_item", source)] == [NOT_APPLICABLE]
    assert is_as_recomputed(warehouse, source)


def test_a_redemption_has_the_document_of_the_sale_and_its_buyer(warehouse: Warehouse, source: str) -> None:
    sale: dict[str, Any] = {"customer_id": "u", "channel": "web", "total_amount": 8, "discount_amount": 2}
    warehouse.put(source, "sales", "s", coupon_ids=["c"], status="cancelled", **sale)
    warehouse.run_all(source)
    (row,) = warehouse.rows("fct_coupon_redemption", source)
    assert row["sale_key"] == member_key("sales", source, "s")
    assert row["customer_key"] == member_key("customers", source, "u")
    assert (row["redemption_date"], row["channel"], row["currency_code"]) == (DAY, "web", "EUR")
    assert (row["discount_amount"], row["sale_total"], row["is_revenue"]) == (2, 8, False)


def test_coupons_of_a_sale_share_its_whole_discount_equally_where_no_line_names_one(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s", discount_amount=Decimal("10.00"), coupon_ids=["Z", "a", "b"])
    warehouse.put(source, "sale_items", "i", sale_id="s", discount_amount=4)
    warehouse.run_all(source)
    # Ids in the order of their bytes: capital letters first.
    assert shares(warehouse, source) == {"Z": Decimal("3.34"), "a": Decimal("3.33"), "b": Decimal("3.33")}


def test_a_coupon_on_lines_gets_their_discounts_and_the_rest_goes_to_the_others(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s", discount_amount=Decimal("10.01"), coupon_ids=["a", "b", "c"])
    warehouse.put(source, "sale_items", "i", sale_id="s", discount_amount=2, coupon_id="a")
    warehouse.put(source, "sale_items", "j", sale_id="s", discount_amount=1, coupon_id="a")
    warehouse.put(source, "sale_items", "k", sale_id="s", discount_amount=3)
    warehouse.run_all(source)
    assert shares(warehouse, source) == {"a": 3, "b": Decimal("2.01"), "c": Decimal("2.00")}


def test_the_rest_goes_to_all_coupons_where_lines_name_every_one(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", discount_amount=Decimal("5.01"), coupon_ids=["a"])
    warehouse.put(source, "sale_items", "i", sale_id="s", discount_amount=2, coupon_id="a")
    # A coupon the document does not list is redeemed as well.
    warehouse.put(source, "sale_items", "j", sale_id="s", discount_amount=1, coupon_id="b")
    warehouse.run_all(source)
    assert shares(warehouse, source) == {"a": Decimal("3.01"), "b": 2}


@pytest.mark.parametrize(
    ("currency", "discount", "expected"),
    [
        ("EUR", "0.05", ["0.02", "0.02", "0.01"]),
        ("EUR", "0.0001", ["0.0001", "0", "0"]),
        ("KWD", "1", ["0.334", "0.333", "0.333"]),
        ("JPY", "100", ["34", "33", "33"]),
        ("JPY", "0.5", ["0.2", "0.2", "0.1"]),
    ],
)
@pytest.mark.parametrize("line_type", ["sale", "return"])
def test_equal_shares_are_whole_coins_and_add_up_exactly_in_the_direction_of_the_sale(
    warehouse: Warehouse, source: str, currency: str, discount: str, expected: list[str], line_type: str
) -> None:
    sign = -1 if line_type == "return" else 1
    warehouse.put(
        source, "sales", "s", currency_code=currency, discount_amount=Decimal(discount), coupon_ids=["a", "b", "c"]
    )
    warehouse.put(source, "sale_items", "i", sale_id="s", line_type=line_type)
    warehouse.run_all(source)
    assert shares(warehouse, source) == {c: Decimal(e) * sign for c, e in zip("abc", expected, strict=True)}


def test_a_return_with_a_coupon_on_its_line_takes_the_discount_back(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", sale_type="return", discount_amount=Decimal("3.01"), coupon_ids=["a", "b", "c"])
    warehouse.put(source, "sale_items", "i", sale_id="s", line_type="return", discount_amount=1, coupon_id="a")
    warehouse.run_all(source)
    assert shares(warehouse, source) == {"a": -1, "b": Decimal("-1.01"), "c": Decimal("-1.00")}


def test_line_discounts_above_the_discount_of_the_sale_leave_a_rest_of_the_other_sign(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s", discount_amount=2, coupon_ids=["a", "b"])
    warehouse.put(source, "sale_items", "i", sale_id="s", discount_amount=3, coupon_id="a")
    warehouse.run_all(source)
    assert shares(warehouse, source) == {"a": 3, "b": -1}


def test_a_coupon_removed_from_a_sale_or_a_line_leaves_no_redemption(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", discount_amount=4, coupon_ids=["a", "b"])
    warehouse.put(source, "sale_items", "i", sale_id="s", coupon_id="c")
    warehouse.run_all(source)
    assert set(shares(warehouse, source)) == {"a", "b", "c"}
    warehouse.put(source, "sales", "s", discount_amount=4, coupon_ids=["a"])
    warehouse.put(source, "sale_items", "i", sale_id="s", coupon_id="c", is_deleted=True)
    warehouse.run_all(source)
    assert shares(warehouse, source) == {"a": 4}
    assert [r["coupon_id"] for r in warehouse.rows("dim_coupon", source)] == ["a"]
    warehouse.put(source, "sales", "s", discount_amount=4)
    warehouse.run_all(source)
    assert shares(warehouse, source) == {}
    assert is_as_recomputed(warehouse, source)


@pytest.mark.parametrize("gone", [{"is_deleted": True}, {"is_test": True}, None])
def test_a_deleted_or_test_sale_takes_its_redemptions_with_it_and_brings_them_back(
    warehouse: Warehouse, source: str, gone: dict[str, Any] | None
) -> None:
    sale: dict[str, Any] = {"discount_amount": 4, "coupon_ids": ["a"]}
    warehouse.put(source, "sales", "s", **sale)
    warehouse.run_all(source)
    if gone is None:
        warehouse.drop(source, "sales", "s")
    else:
        warehouse.put(source, "sales", "s", **sale, **gone)
    warehouse.run("fct_sale", source)
    assert warehouse.rows("fct_coupon_redemption", source) == []
    assert warehouse.rows("dim_coupon", source) == []
    warehouse.run_all(source)
    assert warehouse.pending(source) == set()
    warehouse.put(source, "sales", "s", **sale)
    warehouse.run_all(source)
    assert shares(warehouse, source) == {"a": 4}


def test_a_redemption_that_runs_before_its_sale_waits_for_it(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sale_items", "i", sale_id="on line", coupon_id="a", discount_amount=1)
    warehouse.run("fct_coupon_redemption", source)
    # Nothing to wait for: a sale that is not known tells when it comes.
    assert ("fct_coupon_redemption", "sale_id", "on line") not in warehouse.pending(source)
    warehouse.put(source, "sales", "on line", day=NEXT_DAY, discount_amount=1)
    warehouse.put(source, "sales", "on document", day=NEXT_DAY, discount_amount=2, coupon_ids=["b"])
    warehouse.put(source, "sales", "without", day=NEXT_DAY)
    report = warehouse.run("fct_coupon_redemption", source)
    assert report.metadata["waiting_for_parent"] == 2
    waiting = {id_ for consumer, _, id_ in warehouse.pending(source) if consumer == "fct_coupon_redemption"}
    assert waiting == {"on line", "on document"}
    warehouse.run_all(source)
    assert shares(warehouse, source) == {"a": 1, "b": 2}
    assert warehouse.pending(source) == set()


def test_a_changed_sale_changes_its_redemption_before_fct_sale_is_written(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", discount_amount=4, coupon_ids=["a"])
    warehouse.run_all(source)
    warehouse.put(source, "sales", "s", discount_amount=6, coupon_ids=["a"])
    warehouse.run("fct_coupon_redemption", source)
    assert shares(warehouse, source) == {"a": 6}
    warehouse.run_all(source)
    assert is_as_recomputed(warehouse, source)


def test_a_deleted_coupon_stays_a_flagged_member(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "coupons", "a", is_deleted=True)
    warehouse.put(source, "sales", "s", discount_amount=4, coupon_ids=["a"])
    warehouse.run_all(source)
    assert [(r["is_deleted"], r["is_inferred"]) for r in warehouse.rows("dim_coupon", source)] == [(True, False)]
    assert shares(warehouse, source) == {"a": 4}


def test_the_largest_amounts_are_shared_exactly(warehouse: Warehouse, source: str) -> None:
    largest = Decimal("99999999999999.9999")
    warehouse.put(source, "sales", "s", discount_amount=largest, total_amount=largest, coupon_ids=["a", "b", "c"])
    for line in ("i", "j"):
        warehouse.put(source, "sale_items", line, sale_id="s", discount_amount=-largest, coupon_id="a")
    warehouse.run_all(source)
    found = shares(warehouse, source)
    assert found["a"] == -2 * largest
    assert (found["b"] + found["c"], found["b"] - found["c"]) == (3 * largest, Decimal("0.0001"))
