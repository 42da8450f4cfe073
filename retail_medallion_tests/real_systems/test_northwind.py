"""Northwind against SQL that knows its tables and not the mapping."""

from __future__ import annotations

from decimal import Decimal

import pytest

from retail_medallion_tests.real_systems.harness import (
    LoadedSystem,
    assert_balanced,
    assert_equal,
    assert_money,
    assert_whole,
    by_key,
)

# Real numbers: their text is what was entered, and numeric arithmetic on it is exact.
COUNTRIES = """(VALUES ('Argentina', 'AR'), ('Australia', 'AU'), ('Austria', 'AT'), ('Belgium', 'BE'), ('Brazil', 'BR'),
    ('Canada', 'CA'), ('Denmark', 'DK'), ('Finland', 'FI'), ('France', 'FR'), ('Germany', 'DE'), ('Ireland', 'IE'),
    ('Italy', 'IT'), ('Japan', 'JP'), ('Mexico', 'MX'), ('Netherlands', 'NL'), ('Norway', 'NO'), ('Poland', 'PL'),
    ('Portugal', 'PT'), ('Singapore', 'SG'), ('Spain', 'ES'), ('Sweden', 'SE'), ('Switzerland', 'CH'), ('UK', 'GB'),
    ('USA', 'US'), ('Venezuela', 'VE')) c (country, code)"""
EXPECTED = {
    "product_categories": ("category_name", "SELECT category_id, category_name FROM categories"),
    "products": (
        "product_name, variant_name, category_id, supplier_id, is_active",
        """SELECT product_id, product_name, replace(quantity_per_unit, '  ', ' '), category_id::text, supplier_id::text,
                  NOT discontinued::boolean FROM products""",
    ),
    "suppliers": (
        "supplier_name, contact_name, city, country_code",
        "SELECT supplier_id, company_name, contact_name, city, code FROM suppliers JOIN [countries] USING (country)",
    ),
    "customers": (
        "company_name, full_name, city, country_code, customer_type",
        """SELECT customer_id, replace(company_name, '  ', ' '), contact_name, city, code, 'business' FROM customers
           JOIN [countries] USING (country)""",
    ),
    "sales": (
        "customer_id, status, sold_at, business_date, sales_person",
        """SELECT order_id, customer_id, CASE WHEN shipped_date IS NULL THEN 'confirmed' ELSE 'completed' END,
                  order_date::timestamp AT TIME ZONE 'America/New_York', order_date, employee_id::text FROM orders""",
    ),
    "sale_items": (
        "sale_id, product_id, line_type, quantity",
        """SELECT order_id || '/' || product_id, order_id::text, product_id::text, 'sale', quantity::numeric
           FROM order_details""",
    ),
    "sale_fulfilments": (
        "sale_id, status, carrier, destination_country_code, shipped_at, promised_at, quantity",
        """SELECT order_id, order_id::text, CASE WHEN shipped_date IS NULL THEN 'pending' ELSE 'shipped' END,
                  upper(company_name), code, shipped_date::timestamp AT TIME ZONE 'America/New_York',
                  required_date::timestamp AT TIME ZONE 'America/New_York',
                  (SELECT sum(quantity)::numeric FROM order_details d WHERE d.order_id = o.order_id)
           FROM orders o JOIN shippers ON shipper_id = ship_via JOIN [countries] ON country = ship_country""",
    ),
}
MONEY = {
    "products": ("currency_code, list_price", "SELECT product_id, 'USD', unit_price::text::numeric FROM products"),
    "sales": (
        "currency_code, subtotal_amount, discount_amount, shipping_amount, total_amount",
        """SELECT order_id, 'USD', gross, gross - net, freight, net + freight
           FROM (SELECT order_id, freight::text::numeric AS freight FROM orders) o
           JOIN (SELECT order_id, sum(unit_price::text::numeric * quantity) AS gross,
                        sum(unit_price::text::numeric * quantity * (1 - discount::text::numeric)) AS net
                 FROM order_details GROUP BY 1) d USING (order_id)""",
    ),
    "sale_fulfilments": (
        "currency_code, shipping_cost",
        "SELECT order_id, 'USD', freight::text::numeric FROM orders",
    ),
}
LINES = """
    SELECT order_id || '/' || product_id, unit_price::text::numeric, unit_price::text::numeric * quantity,
           unit_price::text::numeric * quantity * discount::text::numeric,
           unit_price::text::numeric * quantity * (1 - discount::text::numeric)
    FROM order_details
"""
# Sums in dollars, in the order of the columns above.
SUMS = {
    "products": "2220.21",
    "sales": "1354458.5900 88665.5505 64942.69 1330735.7295",
    "sale_fulfilments": "64942.69",
}


def columns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def on(query: str) -> str:
    return query.replace("[countries]", COUNTRIES)


@pytest.mark.parametrize("entity", EXPECTED)
def test_every_row_is_there_and_says_what_the_source_says(northwind: LoadedSystem, entity: str):
    names, query = EXPECTED[entity][0], on(EXPECTED[entity][1])
    assert_whole(northwind, entity, 1, query)
    assert assert_equal(northwind, entity, 1, columns(names), query) == len(by_key(northwind.source(1, query)))


def test_every_entity_that_northwind_has_arrives_and_nothing_is_refused(northwind: LoadedSystem):
    assert_balanced(northwind)
    counts = northwind.all_counts(1)
    assert {entity: held.accepted for entity, held in counts.items()} == {
        "product_categories": 8,
        "products": 77,
        "suppliers": 29,
        "customers": 91,
        "sales": 830,
        "sale_items": 2155,
        "sale_fulfilments": 830,
    }
    assert sum(held.rejected for held in counts.values()) == 0
    assert {entity: held.warnings for entity, held in counts.items() if held.warnings} == {
        # Phone numbers that are none.
        "suppliers": {"G06": 12},
        "customers": {"G06": 43},
        # Co. Cork, and a federal district of Venezuela.
        "sale_fulfilments": {"G06": 21},
    }


@pytest.mark.parametrize("entity", MONEY)
def test_money_equals_the_source_to_the_cent(northwind: LoadedSystem, entity: str):
    names, query = MONEY[entity]
    assert assert_money(northwind, entity, 1, columns(names), query) == {
        "USD": tuple(map(Decimal, SUMS[entity].split()))
    }


def test_order_lines_equal_the_source_to_the_last_decimal(northwind: LoadedSystem):
    names = ["unit_price", "gross_amount", "discount_amount", "net_amount"]
    assert assert_equal(northwind, "sale_items", 1, names, LINES) == 2155
    ((net,),) = northwind.silver("SELECT sum(net_amount) FROM silver.sale_items")
    assert net == Decimal("1265793.0395")


def test_prices_and_discounts_lose_nothing_on_their_way_out_of_real(northwind: LoadedSystem):
    lossy = """SELECT count(*) FROM order_details
               WHERE unit_price::numeric(12,2)::real <> unit_price OR discount::numeric(4,2)::real <> discount"""
    assert northwind.source(1, lossy) == [(0,)]
