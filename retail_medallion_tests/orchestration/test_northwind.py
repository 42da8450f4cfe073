"""The public Northwind database, which nobody here designed, through all three layers, to the cent."""

from __future__ import annotations

import pytest
from psycopg2 import sql

from retail_medallion_tests.platform import FIRST_DAY, Platform, ask
from retail_medallion_tests.servers import FreshDatabase

# unit_price and discount are `real`: their text is what was entered, and numeric arithmetic on it is exact.
SOURCE_LINES = """
    SELECT count(*), sum(quantity), sum(unit_price::text::numeric * quantity),
           sum(unit_price::text::numeric * quantity * discount::text::numeric),
           sum(unit_price::text::numeric * quantity * (1 - discount::text::numeric))
    FROM order_details
"""


def test_sums_of_order_lines_equal_the_source_in_silver_and_gold(
    northwind_loaded: Platform, northwind_database: FreshDatabase
):
    expected = ask(northwind_database, SOURCE_LINES)
    assert expected[0][0] == 2155
    silver = "SELECT count(*), sum(quantity), sum(gross_amount), sum(discount_amount), sum(net_amount)"
    assert northwind_loaded.ask(f"{silver} FROM silver.sale_items WHERE NOT is_deleted") == expected
    gold = "SELECT count(*), sum(quantity), sum(gross_amount), sum(line_discount), sum(gross_amount - line_discount)"
    assert northwind_loaded.ask(f"{gold} FROM gold.fct_sale_item") == expected


def test_every_order_equals_its_source_to_the_cent(northwind_loaded: Platform, northwind_database: FreshDatabase):
    expected = ask(
        northwind_database,
        """SELECT o.order_id::text, o.order_date, count(*), o.freight::text::numeric,
            sum(d.unit_price::text::numeric * d.quantity * (1 - d.discount::text::numeric)) + o.freight::text::numeric
        FROM orders o JOIN order_details d USING (order_id)
        GROUP BY o.order_id, o.order_date, o.freight ORDER BY 1""",
    )
    assert len(expected) == 830
    stored = "SELECT sale_id, sale_date, item_count, shipping_amount, total_amount FROM gold.fct_sale ORDER BY sale_id"
    assert northwind_loaded.ask(stored) == expected


@pytest.mark.parametrize(
    ("table", "silver", "gold"),
    [
        ("categories", "product_categories", "dim_category"),
        ("products", "products", "dim_product"),
        ("suppliers", "suppliers", "dim_supplier"),
        ("customers", "customers", "dim_customer"),
        ("orders", "sales", "fct_sale"),
        ("order_details", "sale_items", "fct_sale_item"),
    ],
)
def test_every_row_arrives(
    northwind_loaded: Platform, northwind_database: FreshDatabase, table: str, silver: str, gold: str
):
    def count(name: str, where: str = "true") -> sql.Composed:
        condition = sql.SQL(where)
        return sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.Identifier(*name.split(".")), condition)

    expected = ask(northwind_database, count(table))
    assert northwind_loaded.ask(count(f"silver.{silver}", "NOT is_deleted")) == expected
    of_source = "source_system = 'northwind' AND NOT is_inferred" if gold.startswith("dim_") else "true"
    assert northwind_loaded.ask(count(f"gold.{gold}", of_source)) == expected


def test_northwind_reconciles_and_a_second_run_does_nothing_new(northwind_loaded: Platform):
    found = northwind_loaded.reconcile()
    assert [c for c in found.comparisons if not c.holds] == []
    assert found.rows.rejected == 0
    objects, digests = northwind_loaded.objects(), northwind_loaded.digests()
    northwind_loaded.materialise([FIRST_DAY])
    assert (northwind_loaded.objects(), northwind_loaded.digests()) == (objects, digests)
