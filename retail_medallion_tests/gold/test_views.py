"""The views of Gold over a small warehouse, against what its rows say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from psycopg2 import sql

from retail_medallion.gold import views
from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.keys import member_key
from retail_medallion.gold.schema import ensure_schema
from retail_medallion_tests.gold.warehouse import DAY, Warehouse

BEFORE, LATER = DAY - dt.timedelta(days=10), DAY + dt.timedelta(days=1)


def look(warehouse: Warehouse, source: str, view: str, columns: str) -> list[tuple[Any, ...]]:
    statement = f"SELECT {columns} FROM gold.{view} WHERE source_key = gold.member_key('sources', %s, %s) ORDER BY 1, 2"  # noqa: S608
    return warehouse.execute(statement, (source, source))


@pytest.fixture
def shop(warehouse: Warehouse, source: str) -> str:
    """A product that moved from category a to b on LATER, bought before and after."""
    warehouse.put(source, "products", "p", BEFORE, category_id="a", brand="Old")
    warehouse.put(source, "products", "p", LATER, category_id="b", brand="New")
    warehouse.put(source, "customers", "u", BEFORE, loyalty_tier="bronze")
    warehouse.put(source, "customers", "u", LATER, loyalty_tier="gold")
    for id_, day in (("s1", DAY), ("s2", LATER)):
        warehouse.put(source, "sales", id_, day, customer_id="u", business_date=day)
        warehouse.put(source, "sale_items", f"i-{id_}", day, sale_id=id_, product_id="p", net_amount=10)
    warehouse.put(source, "sales", "s3", LATER, business_date=LATER)
    warehouse.put(source, "shopping_carts", "c", sale_id="s1", status="converted", customer_id="u")
    warehouse.put(source, "cart_items", "bought", cart_id="c", product_id="p")
    warehouse.put(source, "cart_items", "left", cart_id="c", product_id="q")
    for id_, author in (("known", "u"), ("unknown", None)):
        warehouse.put(source, "product_reviews", id_, product_id="p", customer_id=author, business_date=DAY)
    warehouse.put(source, "product_reviews", "too early", product_id="p", customer_id="u", business_date=BEFORE)
    for number, points in enumerate((100, -30, 5)):
        moment = dt.datetime.combine(DAY, dt.time(8 + number), dt.UTC)
        warehouse.put(source, "loyalty_transactions", str(number), customer_id="u", points=points, occurred_at=moment)
    warehouse.run_all(source)
    return source


def test_a_line_shows_its_product_and_customer_as_they_were(warehouse: Warehouse, shop: str) -> None:
    a, b = (member_key("product_categories", shop, id_) for id_ in "ab")
    rows = look(warehouse, shop, "v_sale_item_as_was", "sale_date, brand, category_key::text, loyalty_tier, quantity")
    assert [(*row[:4], int(row[4])) for row in rows] == [
        (DAY, "Old", str(a), "bronze", 1),
        (LATER, "New", str(b), "gold", 1),
    ]


def test_daily_sales_roll_up_by_the_category_of_now_and_of_then(warehouse: Warehouse, shop: str) -> None:
    columns = "sale_date, brand, net_revenue, line_count"
    assert [row[:2] for row in look(warehouse, shop, "v_daily_sales_by_category", columns)] == [
        (DAY, "New"),
        (LATER, "New"),
    ]
    assert [row[:2] for row in look(warehouse, shop, "v_daily_sales_by_category_as_was", columns)] == [
        (DAY, "Old"),
        (LATER, "New"),
    ]
    total = (
        "SELECT sum(net_revenue), sum(line_count) FROM gold.{} WHERE source_key = gold.member_key('sources', %s, %s)"
    )
    tables = ("mart_daily_sales", "v_daily_sales_by_category", "v_daily_sales_by_category_as_was")
    assert {warehouse.execute(total.format(name), (shop, shop))[0] for name in tables} == {(20, 2)}


def test_purchases_of_a_person_are_numbered(warehouse: Warehouse, shop: str) -> None:
    rows = look(warehouse, shop, "v_customer_sale_number", "sale_date, sale_number, days_since_previous_sale")
    assert rows == [(DAY, 1, None), (LATER, 2, 1)]


def test_the_balance_of_points_follows_every_movement(warehouse: Warehouse, shop: str) -> None:
    rows = look(warehouse, shop, "v_loyalty_balance", "occurred_at, points, balance, is_latest")
    assert [(int(points), int(balance), latest) for _, points, balance, latest in rows] == [
        (100, 100, False),
        (-30, 70, False),
        (5, 75, True),
    ]


def test_an_item_of_a_cart_was_bought_or_not_and_a_review_is_by_a_buyer_or_not(warehouse: Warehouse, shop: str) -> None:
    rows = look(warehouse, shop, "v_cart_item_purchased", "is_purchased, purchased_quantity, product_key::text")
    assert [(bought, int(quantity), product) for bought, quantity, product in rows] == [
        (False, 0, str(member_key("products", shop, "q"))),
        (True, 1, str(member_key("products", shop, "p"))),
    ]
    assert look(warehouse, shop, "v_review_verified", "review_date, is_verified, first_purchase_date") == [
        (BEFORE, False, None),
        (DAY, False, None),
        (DAY, True, DAY),
    ]


def test_views_are_described_and_a_changed_one_is_made_anew_with_its_grants(warehouse: Warehouse) -> None:
    name = views.VIEWS[0].name
    view_of_gold = sql.Identifier("gold", name)
    with warehouse.engine.begin() as connection:
        with cursor_of(connection) as cursor:
            cursor.execute("CREATE ROLE view_reader")
            cursor.execute(sql.SQL("GRANT SELECT ON {} TO view_reader").format(view_of_gold))
            cursor.execute(sql.SQL("COMMENT ON VIEW {} IS 'as it was [0123456789ab]'").format(view_of_gold))
            assert [view.name for view in views.outdated(cursor)] == [name]
        ensure_schema(connection)
        with cursor_of(connection) as cursor:
            assert views.outdated(cursor) == []
            cursor.execute("SELECT has_table_privilege('view_reader', %s, 'SELECT')", (f"gold.{name}",))
            assert cursor.fetchone() == (True,)
            cursor.execute(sql.SQL("REVOKE ALL ON {} FROM view_reader").format(view_of_gold))
            cursor.execute("DROP ROLE view_reader")
