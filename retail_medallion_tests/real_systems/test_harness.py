"""The harness itself, on the smallest of the real systems."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from retail_medallion_tests.real_systems.harness import (
    LoadedSystem,
    assert_balanced,
    assert_equal,
    assert_money,
    assert_whole,
)
from retail_medallion_tests.real_systems.systems import put_a_night_in
from retail_medallion_tests.servers import FreshDatabase

LINES = """
    SELECT order_id || '/' || product_id, unit_price::text::numeric * quantity * (1 - discount::text::numeric),
           unit_price::text::numeric * quantity
    FROM order_details
"""
ORDERS = """
    SELECT o.order_id, 'USD', o.freight::text::numeric,
           sum(d.unit_price::text::numeric * d.quantity * (1 - d.discount::text::numeric)) + o.freight::text::numeric
    FROM orders o JOIN order_details d USING (order_id) GROUP BY o.order_id, o.freight
"""


def test_northwind_arrives_whole_and_to_the_cent(northwind: LoadedSystem):
    assert_balanced(northwind)
    assert_whole(northwind, "customers", 1, "SELECT customer_id FROM customers")
    assert assert_equal(northwind, "sale_items", 1, ["net_amount", "gross_amount"], LINES) == 2155
    sums = assert_money(northwind, "sales", 1, ["currency_code", "shipping_amount", "total_amount"], ORDERS)
    assert sums == {"USD": (Decimal("64942.69"), Decimal("1265793.0395") + Decimal("64942.69"))}
    assert northwind.counts("sales", 1).accepted == 830


def test_what_is_missing_invented_or_different_is_found(northwind: LoadedSystem):
    with pytest.raises(AssertionError, match="neither live nor quarantined"):
        assert_whole(northwind, "customers", 1, "SELECT customer_id FROM customers UNION ALL SELECT 'NOONE'")
    with pytest.raises(AssertionError, match="not in the source"):
        assert_whole(northwind, "customers", 1, "SELECT customer_id FROM customers WHERE customer_id <> 'ALFKI'")
    with pytest.raises(AssertionError, match="1 of 2155 differ"):
        assert_equal(
            northwind,
            "sale_items",
            1,
            ["net_amount", "gross_amount"],
            LINES.replace("(1 - ", "(CASE WHEN (order_id, product_id) = (10248, 11) THEN 0.0001 ELSE 0 END + 1 - "),
        )
    with pytest.raises(AssertionError, match="a key twice"):
        assert_whole(northwind, "customers", 1, "SELECT 'ALFKI' FROM customers")


def test_a_night_moves_what_is_after_it_and_nothing_else(fresh_database: FreshDatabase):
    connection = fresh_database.connect()
    pause = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)
    with connection, connection.cursor() as cursor:
        cursor.execute('CREATE TABLE "Odd name" (id int, made timestamp, seen timestamptz, day date)')
        cursor.execute(
            """INSERT INTO "Odd name" VALUES
            (1, '2026-11-23 08:00', '2026-11-23 07:59+00', '2026-11-23'),
            (2, '2026-11-23 08:01', NULL, '2026-11-23'), (3, 'infinity', '2026-11-23 10:30+02', NULL)"""
        )
        put_a_night_in(connection, pause)
        cursor.execute("SELECT id, made::text, seen AT TIME ZONE 'UTC', day::text FROM \"Odd name\" ORDER BY id")
        assert cursor.fetchall() == [
            (1, "2026-11-23 08:00:00", dt.datetime(2026, 11, 23, 7, 59), "2026-11-23"),  # noqa: DTZ001 read as text
            (2, "2026-11-24 08:01:00", None, "2026-11-23"),
            (3, "infinity", dt.datetime(2026, 11, 24, 8, 30), None),  # noqa: DTZ001 read as text
        ]
    connection.close()
