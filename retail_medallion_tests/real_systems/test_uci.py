"""The UCI table Online Retail II against SQL on it: a part of its rows, and in the slow tests all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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

# Lines that sell something: the invoice has a price somewhere, or a customer.
SOLD = """(SELECT l.*, "Price"::text::numeric AS exact, upper(trim("StockCode")) AS code FROM online_retail l
          JOIN (SELECT "Invoice" FROM online_retail GROUP BY 1
                HAVING max(abs("Price")) > 0 OR count("Customer ID") > 0) k USING ("Invoice")) s"""
CHARGES = "'POST', 'DOT', 'C2', 'C3', 'D', 'BANK CHARGES', 'AMAZONFEE', 'ADJUST', 'ADJUST2'"


def on(query: str) -> str:
    """A query on what is sold."""
    return query.replace("[sold]", SOLD).replace("[charges]", CHARGES)


SALES = on("""
    SELECT "Invoice", CASE WHEN "Invoice" LIKE 'C%' THEN 'return' ELSE 'sale' END,
           min("Customer ID")::int::text, min("InvoiceDate")::timestamp AT TIME ZONE 'Europe/London',
           count(*) = count(*) FILTER (WHERE code IN ('TEST001', 'TEST002'))
    FROM [sold] GROUP BY 1
""")
SALES_MONEY = on("""
    SELECT "Invoice", 'GBP', sum(exact * "Quantity"), sum(exact * "Quantity") FROM [sold] GROUP BY 1
""")
PRODUCTS = on("""
    SELECT code, coalesce(
             regexp_replace((array_agg(name ORDER BY lines DESC, name COLLATE "C")
                                      FILTER (WHERE name IS NOT NULL))[1], '\\s+', ' ', 'g'), code),
           CASE WHEN code LIKE 'GIFT%' THEN 'gift_card' WHEN code ~ '^([0-9]{5}|DCGS|SP1002|PADS|TEST|M$|S$)'
             THEN 'goods' ELSE 'fee' END
    FROM (SELECT code, nullif(trim("Description"), '') AS name, count(*) AS lines FROM [sold] GROUP BY 1, 2) n
    GROUP BY 1
""")
CUSTOMERS = """
    SELECT "Customer ID"::int::text FROM online_retail WHERE "Customer ID" IS NOT NULL GROUP BY 1
"""
LINE_KEYS = on("""
    SELECT "Invoice" || '/' || "StockCode" || '/' || n
    FROM (SELECT "Invoice", "StockCode", count(*) AS lines FROM [sold] GROUP BY 1, 2) c, generate_series(1, lines) n
""")
# Lines have no key: what is compared is how many lines of a kind an invoice has.
LINES = on("""
    SELECT "Invoice", code, "Quantity", exact, count(*) FROM [sold]
    WHERE "Invoice" NOT LIKE 'A%' GROUP BY 1, 2, 3, 4
""")
STORED_LINES = """
    SELECT sale_id, product_id, CASE WHEN line_type = 'return' OR gross_amount < 0 THEN -quantity ELSE quantity END,
           unit_price, count(*) FROM silver.sale_items WHERE NOT is_deleted GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True)
class Figures:
    """What is known of one size of the table."""

    lines: int
    bookings: int
    sales: int
    sale_items: int
    products: int
    customers: int
    total: str


FIGURES = {
    "uci_part": Figures(20_354, 147, 1_021, 20_204, 3_013, 718, "373359.98"),
    "uci": Figures(525_461, 3_316, 25_545, 522_142, 4_117, 4_383, "9676036.654"),
}
BAD_DEBTS = ["A506401", "A516228", "A528059"]


@pytest.fixture(scope="module", params=["uci_part", pytest.param("uci", marks=pytest.mark.slow)])
def uci(request: pytest.FixtureRequest, load_real: Callable[[str], LoadedSystem]) -> LoadedSystem:
    return load_real(request.param)


@pytest.fixture
def figures(uci: LoadedSystem) -> Figures:
    return FIGURES[uci.system.name]


def test_every_line_of_the_table_is_accepted_refused_or_a_booking_of_stock(uci: LoadedSystem, figures: Figures):
    ((lines, sold),) = uci.source(1, on("SELECT (SELECT count(*) FROM online_retail), count(*) FROM [sold]"))
    assert_balanced(uci)
    items = uci.counts("sale_items", 1)
    assert (lines, lines - sold) == (figures.lines, figures.bookings)
    assert (items.rows_read, items.accepted, items.rejected) == (sold, figures.sale_items, 3)


def test_what_is_left_out_has_no_price_no_customer_and_moves_stock(uci: LoadedSystem, figures: Figures):
    found = uci.source(
        1,
        on(
            """SELECT count(*), coalesce(sum("Price"), 0), count("Customer ID"), count(*) FILTER (WHERE "Quantity" = 0)
            FROM online_retail o WHERE NOT EXISTS (SELECT FROM [sold] WHERE s."Invoice" = o."Invoice")"""
        ),
    )
    assert found == [(figures.bookings, 0, 0, 0)]
    # Nothing that was sold came with a quantity below zero outside of a cancellation.
    negative = """SELECT count(*) FROM [sold] WHERE "Quantity" < 0 AND "Invoice" NOT LIKE 'C%'"""
    assert uci.source(1, on(negative)) == [(0,)]


def test_bad_debts_are_refused_and_nothing_else(uci: LoadedSystem):
    assert uci.quarantined("sales", 1) == {key: ["G03"] for key in BAD_DEBTS}
    assert uci.quarantined("sale_items", 1) == {f"{key}/B/1": ["G13"] for key in BAD_DEBTS}
    for entity in ("products", "customers"):
        assert uci.counts(entity, 1).rejections == {}


@pytest.mark.parametrize(
    ("entity", "keys"),
    [("sales", SALES), ("sale_items", LINE_KEYS), ("products", PRODUCTS), ("customers", CUSTOMERS)],
    ids=["sales", "sale_items", "products", "customers"],
)
def test_every_key_is_there(uci: LoadedSystem, figures: Figures, entity: str, keys: str):
    assert_whole(uci, entity, 1, keys)
    assert uci.counts(entity, 1).accepted == getattr(figures, entity)


def test_sales_say_what_their_lines_say(uci: LoadedSystem, figures: Figures):
    names = ["sale_type", "customer_id", "sold_at", "is_test"]
    assert assert_equal(uci, "sales", 1, names, SALES) == figures.sales


def test_money_equals_the_source_exactly(uci: LoadedSystem, figures: Figures):
    names = ["currency_code", "subtotal_amount", "total_amount"]
    total = Decimal(figures.total)
    assert assert_money(uci, "sales", 1, names, SALES_MONEY) == {"GBP": (total, total)}
    # The bad debts are the rest: not a penny of the table is lost.
    ((everything, debts),) = uci.source(
        1,
        """SELECT sum("Price"::text::numeric * "Quantity"),
                  sum("Price"::text::numeric * "Quantity") FILTER (WHERE "Invoice" LIKE 'A%') FROM online_retail""",
    )
    assert (everything, debts) == (total + debts, Decimal("-136552.02"))


def test_lines_are_the_lines_of_the_table(uci: LoadedSystem):
    assert set(uci.source(1, LINES)) == set(uci.silver(STORED_LINES))


def test_the_lines_of_a_sale_add_up_to_it_where_returns_count_against_it(uci: LoadedSystem, figures: Figures):
    stored = uci.silver(
        """SELECT count(*), sum(i.amount), count(*) FILTER (WHERE i.amount IS DISTINCT FROM s.total_amount)
        FROM silver.sales s LEFT JOIN (
          SELECT sale_id, sum(CASE line_type WHEN 'return' THEN -gross_amount ELSE gross_amount END) AS amount
          FROM silver.sale_items WHERE NOT is_deleted GROUP BY sale_id) i USING (sale_id) WHERE NOT s.is_deleted"""
    )
    assert stored == [(figures.sales, Decimal(figures.total), 0)]


def test_lines_that_are_no_goods_are_told_from_goods(uci: LoadedSystem):
    expected = by_key(
        uci.source(
            1,
            on(
                """SELECT CASE WHEN code IN ('POST', 'DOT', 'C2', 'C3') THEN 'shipping'
                     WHEN code IN ([charges]) THEN 'fee'
                     WHEN "Quantity" < 0 THEN 'return' WHEN code LIKE 'GIFT%' THEN 'gift_card' ELSE 'sale' END,
                     count(*), sum(exact * abs("Quantity"))
                FROM [sold] WHERE "Invoice" NOT LIKE 'A%' GROUP BY 1"""
            ),
        )
    )
    stored = by_key(
        uci.silver("SELECT line_type, count(*), sum(abs(gross_amount)) FROM silver.sale_items GROUP BY line_type")
    )
    assert stored == expected


def test_charges_given_back_are_flagged(uci: LoadedSystem):
    ((back, free),) = uci.source(
        1,
        on(
            """SELECT count(*) FILTER (WHERE code IN ([charges]) AND "Quantity" < 0), count(*) FILTER (WHERE exact = 0)
            FROM [sold]"""
        ),
    )
    assert uci.counts("sale_items", 1).warnings == {
        "sale_items.discount_above_gross": back,
        "sale_items.gross_differs": back,
        "sale_items.free_line": free,
    }


def test_products_are_named_as_most_of_their_lines_are(uci: LoadedSystem, figures: Figures):
    assert assert_equal(uci, "products", 1, ["product_name", "product_type"], PRODUCTS) == figures.products


def test_customers_live_where_their_last_invoice_went(uci: LoadedSystem):
    last = by_key(
        uci.source(
            1,
            """SELECT c.id::int::text, max(l."Country")
            FROM (SELECT "Customer ID" AS id, max("InvoiceDate" || "Invoice") AS last FROM online_retail GROUP BY 1) c
            JOIN online_retail l ON l."Customer ID" = c.id AND l."InvoiceDate" || l."Invoice" = c.last GROUP BY 1""",
        )
    )
    live = uci.live("customers", 1, "country_code", "customer_number")
    assert live.keys() == last.keys()
    assert all(number == key for key, (_, number) in live.items())
    codes = {country: {live[key][0] for key in last if last[key] == (country,)} for (country,) in set(last.values())}
    assert {country for country, held in codes.items() if len(held) != 1} == set()
    assert codes["United Kingdom"] == {"GB"}
    assert codes["EIRE"] == {"IE"}
    nowhere = {country for country, held in codes.items() if held == {None}}
    assert nowhere == {"Channel Islands", "West Indies", "Unspecified"} & codes.keys()
    unread = sum(last[key][0] in {"Channel Islands", "West Indies"} for key in last)
    assert uci.counts("customers", 1).warnings == ({"G06": unread} if unread else {})
