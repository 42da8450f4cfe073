from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from retail_medallion.gold.keys import NOT_APPLICABLE, member_key
from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import DAY, Warehouse

NEXT_DAY = DAY + dt.timedelta(days=1)

of_either = pytest.mark.parametrize(
    ("table", "entity", "id_column"),
    [
        ("fct_loyalty_transaction", "loyalty_transactions", "loyalty_transaction_id"),
        ("fct_review", "product_reviews", "review_id"),
    ],
)


def one(warehouse: Warehouse, table: str, source: str) -> dict[str, Any]:
    (row,) = warehouse.rows(table, source)
    return row


def is_as_recomputed(warehouse: Warehouse, source: str) -> bool:
    with warehouse.engine.begin() as connection:
        return not any(compare(connection, source).values())


@pytest.mark.parametrize(
    ("kind", "points", "earned", "redeemed", "expired"),
    [
        ("earn", 10, 10, 0, 0),
        ("bonus", 5, 5, 0, 0),
        ("redeem", -7, 0, 7, 0),
        ("expire", -3, 0, 0, 3),
        ("adjust", -4, 0, 0, 0),
        ("opening_balance", 20, 0, 0, 0),
        ("unknown", 1, 0, 0, 0),
    ],
)
def test_points_are_counted_by_their_kind(
    warehouse: Warehouse, source: str, kind: str, points: int, earned: int, redeemed: int, expired: int
) -> None:
    warehouse.put(
        source,
        "loyalty_transactions",
        "t",
        transaction_type=kind,
        points=points,
        loyalty_account_id="a",
        monetary_value=2,
        currency_code="EUR",
    )
    warehouse.run_all(source)
    row = one(warehouse, "fct_loyalty_transaction", source)
    assert row["loyalty_transaction_key"] == member_key("loyalty_transactions", source, "t")
    assert [row[c] for c in ("points", "points_earned", "points_redeemed", "points_expired")] == [
        points,
        earned,
        redeemed,
        expired,
    ]
    assert (row["account_id"], row["monetary_value"], row["currency_code"]) == ("a", 2, "EUR")
    assert (row["customer_key"], row["location_key"]) == (NOT_APPLICABLE, NOT_APPLICABLE)
    assert is_as_recomputed(warehouse, source)


def test_a_review_keeps_the_length_of_its_text_and_the_days_since_the_purchase(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s", business_date=DAY)
    warehouse.put(
        source,
        "product_reviews",
        "r",
        product_id="p",
        sale_id="s",
        body="größer ",
        business_date=DAY + dt.timedelta(days=9),
        is_verified_purchase=True,
        helpful_count=3,
    )
    warehouse.run_all(source)
    row = one(warehouse, "fct_review", source)
    assert row["review_key"] == member_key("product_reviews", source, "r")
    assert (row["body_length"], row["days_from_purchase"]) == (7, 9)
    assert (row["rating"], row["helpful_count"], row["is_verified_source"]) == (4, 3, True)
    assert row["product_key"] == member_key("products", source, "p")
    assert [(r["product_id"], r["is_inferred"]) for r in warehouse.rows("dim_product", source)] == [("p", True)]


def test_a_review_of_a_style_names_no_unit(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "product_reviews", "r", parent_product_id="style")
    warehouse.run_all(source)
    row = one(warehouse, "fct_review", source)
    assert (row["product_key"], row["parent_product_id"]) == (NOT_APPLICABLE, "style")
    assert (row["body_length"], row["days_from_purchase"], row["is_verified_source"]) == (None, None, None)


@of_either
def test_without_a_customer_of_its_own_it_belongs_to_the_buyer_of_its_sale(
    warehouse: Warehouse, source: str, table: str, entity: str, id_column: str
) -> None:
    warehouse.put(source, "sales", "s", customer_id="buyer", location_id="shop")
    warehouse.put(source, entity, "x", sale_id="s")
    warehouse.put(source, entity, "y", sale_id="s", customer_id="author")
    warehouse.run_all(source)
    rows = {r[id_column]: r for r in warehouse.rows(table, source)}
    assert rows["x"]["customer_key"] == member_key("customers", source, "buyer")
    assert rows["y"]["customer_key"] == member_key("customers", source, "author")
    if table == "fct_loyalty_transaction":
        assert rows["x"]["location_key"] == member_key("inventory_locations", source, "shop")

    warehouse.put(source, "sales", "s", customer_id="other")
    warehouse.run_all(source)
    rows = {r[id_column]: r for r in warehouse.rows(table, source)}
    assert rows["x"]["customer_key"] == member_key("customers", source, "other")
    assert {r["customer_id"] for r in warehouse.rows("dim_customer", source)} == {"other", "author"}
    assert is_as_recomputed(warehouse, source)


@of_either
def test_it_stands_without_its_sale_until_the_sale_is_known(
    warehouse: Warehouse, source: str, table: str, entity: str, id_column: str
) -> None:
    warehouse.put(source, entity, "x", sale_id="s")
    warehouse.run_all(source)
    row = one(warehouse, table, source)
    assert (row["sale_key"], row["sale_id"]) == (None, "s")
    assert warehouse.pending(source) == set()

    warehouse.put(source, "sales", "s", day=NEXT_DAY, customer_id="u")
    # Before the table of sales: it waits, and loses nothing.
    report = warehouse.run(table, source, NEXT_DAY)
    assert report.metadata["waiting_for_parent"] == 1
    assert one(warehouse, table, source)["sale_key"] is None
    assert (table, id_column, "x") in warehouse.pending(source)
    warehouse.run_all(source, NEXT_DAY)
    row = one(warehouse, table, source)
    assert row["sale_key"] == member_key("sales", source, "s")
    assert row["customer_key"] == member_key("customers", source, "u")
    assert warehouse.pending(source) == set()


@of_either
@pytest.mark.parametrize("gone", [{"is_deleted": True}, {"is_test": True}, None])
def test_a_deleted_or_test_sale_leaves_it_without_a_sale_and_gives_it_back(
    warehouse: Warehouse, source: str, table: str, entity: str, id_column: str, gone: dict[str, Any] | None
) -> None:
    warehouse.put(source, "sales", "s", customer_id="u")
    warehouse.put(source, entity, "x", sale_id="s")
    warehouse.run_all(source)
    before = one(warehouse, table, source)
    assert before["sale_key"] == member_key("sales", source, "s")
    if gone is None:
        warehouse.drop(source, "sales", "s")
    else:
        warehouse.put(source, "sales", "s", customer_id="u", **gone)
    warehouse.run("fct_sale", source)
    assert one(warehouse, table, source)["sale_key"] is None
    warehouse.run_all(source)
    row = one(warehouse, table, source)
    assert (row[id_column], row["sale_key"], row["customer_key"]) == ("x", None, NOT_APPLICABLE)
    assert row.get("days_from_purchase") is None
    assert warehouse.rows("dim_customer", source) == []
    assert is_as_recomputed(warehouse, source)

    warehouse.put(source, "sales", "s", customer_id="u")
    warehouse.run_all(source)
    assert one(warehouse, table, source) == before
    assert warehouse.pending(source) == set()


@of_either
def test_a_deleted_one_goes_and_what_it_inferred_with_it(
    warehouse: Warehouse, source: str, table: str, entity: str, id_column: str
) -> None:
    warehouse.put(source, entity, "x", customer_id="u")
    warehouse.run_all(source)
    assert one(warehouse, table, source)[id_column] == "x"
    warehouse.put(source, entity, "x", customer_id="u", is_deleted=True)
    warehouse.run_all(source)
    assert warehouse.rows(table, source) == []
    assert warehouse.rows("dim_customer", source) == []
