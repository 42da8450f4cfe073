"""Saleor's mapping held against Saleor's own database, through SQL that knows nothing of the mapping."""

# ruff: noqa: S608 constants only

from __future__ import annotations

from decimal import Decimal

import pytest

from retail_medallion_tests.real_systems.harness import (
    LoadedSystem,
    assert_balanced,
    assert_equal,
    assert_money,
    assert_whole,
    totals,
)

KEYS = {
    "product_categories": "SELECT id FROM product_category",
    "products": "SELECT id FROM product_productvariant",
    "inventory_locations": "SELECT id FROM warehouse_warehouse",
    "customers": "SELECT id FROM account_user WHERE NOT is_staff",
    "payment_methods": "SELECT DISTINCT app_identifier FROM payment_transactionevent",
    "coupons": "SELECT id FROM discount_vouchercode",
    "stock_movements": "SELECT id FROM order_fulfillmentline",
    "sales": "SELECT id FROM order_order",
    "sale_items": "SELECT id FROM order_orderline",
    "transactions": "SELECT id FROM payment_transactionevent WHERE type LIKE '%_success'",
    "shopping_carts": "SELECT token FROM checkout_checkout",
    "cart_items": "SELECT id FROM checkout_checkoutline",
    "sale_fulfilments": "SELECT id FROM order_fulfillment",
}
"""Per entity, the keys of what is there."""

MONEY: dict[str, tuple[list[str], str]] = {
    "products": (
        ["currency_code", "list_price"],
        """SELECT variant_id, currency, price_amount FROM product_productvariantchannellisting
        WHERE channel_id = (SELECT id FROM channel_channel WHERE slug = 'default-channel')""",
    ),
    "sales": (
        ["currency_code", "total_amount", "subtotal_amount", "shipping_amount", "tax_amount"],
        """SELECT id, currency, total_gross_amount, subtotal_gross_amount, shipping_price_gross_amount,
        total_gross_amount - total_net_amount FROM order_order""",
    ),
    "transactions": (
        ["currency_code", "amount"],
        """SELECT e.id, t.currency, e.amount_value
        FROM payment_transactionevent e JOIN payment_transactionitem t ON t.id = e.transaction_id
        WHERE e.type NOT LIKE '%_request'""",
    ),
}
"""Per entity, its currency and amounts, and where they stand."""

SUMS: dict[tuple[str, int], dict[str, tuple[str, ...]]] = {
    ("products", 1): {"USD": ("3369.91",)},
    ("products", 2): {"USD": ("3234.91",)},
    ("sales", 1): {
        "USD": ("44034.73", "37017.38", "7017.35", "0"),
        "PLN": ("125904.70", "118583.96", "7320.74", "0"),
    },
    ("sales", 2): {
        "USD": ("48886.35", "41286.20", "7600.15", "0"),
        "PLN": ("153367.90", "144545.09", "8822.81", "0"),
    },
    ("transactions", 1): {"USD": ("94619.04",), "PLN": ("152590.17",)},
    ("transactions", 2): {"USD": ("104689.26",), "PLN": ("181077.39",)},
}

# Saleor writes the number of a variant into a line as the text that its interface uses.
CODED = """(SELECT g::text AS id, encode(convert_to('ProductVariant:' || g, 'UTF8'), 'base64') AS code
    FROM generate_series(1, 2000) g)"""

VALUES: dict[str, tuple[list[str], str]] = {
    "product_categories": (
        ["parent_category_id", "category_name"],
        """SELECT c.id, (SELECT p.id::text FROM product_category p
        WHERE p.tree_id = c.tree_id AND p.level = c.level - 1 AND p.lft < c.lft AND p.rght > c.rght), c.name
        FROM product_category c""",
    ),
    "products": (
        ["sku", "parent_product_id", "product_name", "category_id", "product_type", "is_active", "is_stock_tracked"],
        """SELECT v.id, upper(v.sku), p.id::text, p.name, p.category_id::text, CASE WHEN t.slug = 'gift-card' THEN
        'gift_card' WHEN t.slug IN ('audiobook', 'simple') THEN 'digital' ELSE 'goods' END,
        EXISTS (SELECT FROM product_productchannellisting l WHERE l.product_id = p.id AND l.currency = 'USD'
        AND l.is_published), v.track_inventory
        FROM product_productvariant v JOIN product_product p ON p.id = v.product_id
        JOIN product_producttype t ON t.id = p.product_type_id""",
    ),
    "inventory_locations": (
        ["location_name", "location_type", "country_code"],
        """SELECT id, name, CASE click_and_collect_option WHEN 'local' THEN 'store' ELSE 'warehouse' END, 'US'
        FROM warehouse_warehouse""",
    ),
    "customers": (
        ["email", "first_name", "last_name", "is_guest", "city", "country_code"],
        """SELECT u.id, lower(u.email), u.first_name, u.last_name, false, a.city, a.country
        FROM account_user u LEFT JOIN account_address a ON a.id = u.default_billing_address_id""",
    ),
    "payment_methods": (["method_type"], "SELECT 'saleor.io.dummy-payment-app', 'other'"),
    "coupons": (
        ["coupon_code", "discount_type", "discount_value", "currency_code", "applies_to", "min_purchase_amount"],
        """SELECT c.id, c.code, CASE v.id WHEN 1 THEN 'free_shipping' WHEN 2 THEN 'fixed_amount' ELSE 'percentage' END,
        l.discount_value, l.currency, CASE v.type WHEN 'shipping' THEN 'shipping' ELSE 'order' END, l.min_spent_amount
        FROM discount_vouchercode c JOIN discount_voucher v ON v.id = c.voucher_id
        JOIN discount_voucherchannellisting l ON l.voucher_id = v.id AND l.currency = 'USD'""",
    ),
    "sales": (
        ["sale_number", "customer_id", "sold_at", "status", "payment_status", "tax_included"],
        """SELECT o.id, o.number::text, u.id::text, o.created_at, CASE o.status WHEN 'unconfirmed' THEN 'pending'
        WHEN 'fulfilled' THEN 'completed' WHEN 'canceled' THEN 'cancelled' ELSE 'confirmed' END,
        CASE WHEN o.charge_status = 'full' THEN 'paid' WHEN o.authorize_status = 'full' THEN 'authorised'
        WHEN o.charge_status = 'none' THEN 'unpaid' END, true
        FROM order_order o LEFT JOIN account_user u ON upper(u.email) = upper(o.user_email) AND NOT u.is_staff""",
    ),
    "sale_items": (
        ["sale_id", "product_id", "line_type", "quantity", "unit_price", "net_amount", "discount_amount"],
        f"""SELECT l.id, l.order_id::text, c.id, CASE WHEN l.is_gift_card THEN 'gift_card' ELSE 'sale' END, l.quantity,
        l.unit_price_gross_amount, l.quantity * l.unit_price_gross_amount, l.quantity * l.unit_discount_amount
        FROM order_orderline l JOIN {CODED} c ON c.code = l.product_variant_id""",
    ),
    "transactions": (
        ["sale_id", "transaction_type", "status", "parent_transaction_id", "occurred_at"],
        """SELECT e.id, t.order_id::text, CASE WHEN e.type LIKE 'a%' THEN 'authorisation' WHEN e.type LIKE 'r%' THEN
        'refund' WHEN t.currency = 'USD' THEN 'capture' ELSE 'payment' END, 'succeeded',
        lag(e.id) OVER (PARTITION BY t.id ORDER BY e.id)::text, e.created_at
        FROM payment_transactionevent e JOIN payment_transactionitem t ON t.id = e.transaction_id
        WHERE e.status IS NULL AND e.message IS NOT NULL AND e.message <> ''""",
    ),
    "shopping_carts": (
        ["customer_id", "status", "currency_code", "created_at", "last_activity_at"],
        "SELECT token, user_id::text, 'active', currency, created_at, last_change FROM checkout_checkout",
    ),
    "cart_items": (
        ["cart_id", "product_id", "quantity", "unit_price", "line_amount"],
        """SELECT id, checkout_id::text, variant_id::text, quantity, undiscounted_unit_price_amount,
        quantity * undiscounted_unit_price_amount FROM checkout_checkoutline""",
    ),
    "sale_fulfilments": (
        ["sale_id", "status", "fulfilment_type", "quantity", "carrier", "destination_country_code", "shipped_at"],
        """SELECT f.id, o.id::text, 'shipped', 'shipment',
        (SELECT sum(quantity) FROM order_fulfillmentline WHERE fulfillment_id = f.id), upper(o.shipping_method_name),
        'US', f.created_at FROM order_fulfillment f JOIN order_order o ON o.id = f.order_id""",
    ),
}
"""Per entity, columns and what they have to hold."""

MOVEMENTS = f"""SELECT fl.id, s.warehouse_id::text, c.id, -fl.quantity, f.order_id::text, f.created_at
    FROM order_fulfillmentline fl JOIN order_fulfillment f ON f.id = fl.fulfillment_id
    JOIN order_orderline l ON l.id = fl.order_line_id JOIN {CODED} c ON c.code = l.product_variant_id
    LEFT JOIN warehouse_stock s ON s.id = fl.stock_id"""
MOVED = ["location_id", "product_id", "quantity", "sale_id", "occurred_at"]

ROWS = {
    "product_categories": (17, 17),
    "products": (73, 70),
    "inventory_locations": (8, 8),
    "customers": (77, 129),
    "payment_methods": (1, 1),
    "coupons": (3, 3),
    "stock_movements": (179, 215),
    "sales": (270, 310),
    "sale_items": (666, 761),
    "transactions": (460, 516),
    "shopping_carts": (18, 32),
    "cart_items": (48, 43),
    "sale_fulfilments": (116, 140),
}
"""Live rows of each day."""


def test_all_thirteen_entities_saleor_has_are_mapped(saleor: LoadedSystem):
    assert set(saleor.mapping.entities) == set(KEYS) == {*VALUES, "stock_movements"}
    assert {entity: tuple(len(saleor.live(entity, day)) for day in (1, 2)) for entity in KEYS} == ROWS


def test_rows_add_up_and_those_rejected_are_known(saleor: LoadedSystem):
    assert_balanced(saleor)
    assert [totals(saleor, day) for day in (1, 2)] == [(2002, 0, 1936, 0, 66), (449, 0, 413, 1, 35)]
    rejected = [
        {entity: counts.rejections for entity, counts in saleor.all_counts(day).items() if counts.rejected}
        for day in (1, 2)
    ]
    # The stock that line 143 was taken from is deleted with its variant, and with it the place it was at.
    assert rejected == [{}, {"stock_movements": {"G01": 1}}]
    assert saleor.quarantined("stock_movements", 2) == {"143": ["G01"]}


def test_what_is_flagged_is_what_the_page_tells(saleor: LoadedSystem):
    flagged = [
        {
            (entity, rule): rows
            for entity, counts in saleor.all_counts(day).items()
            for rule, rows in counts.warnings.items()
        }
        for day in (1, 2)
    ]
    assert flagged == [
        {
            ("inventory_locations", "G06"): 1,
            ("customers", "G06"): 5,
            ("sale_fulfilments", "G06"): 9,
            ("sale_fulfilments", "sale_fulfilments.not_promised"): 116,
        },
        {
            ("inventory_locations", "G06"): 1,
            ("customers", "G06"): 1,
            ("sale_fulfilments", "sale_fulfilments.not_promised"): 24,
        },
    ]


def test_a_comparison_reads_on_only_what_differs(saleor: LoadedSystem):
    compared = {
        entity: tuple(saleor.counts(entity, day).rows_read for day in (1, 2))
        for entity in KEYS
        if saleor.counts(entity, 2).mode == "compared"
    }
    assert compared == {
        "products": (73, 9),
        "customers": (77, 52),
        "coupons": (3, 0),
        "stock_movements": (179, 37),
        "sales": (270, 40),
        "sale_items": (666, 95),
        "transactions": (460, 56),
        "sale_fulfilments": (116, 24),
    }


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("entity", KEYS)
def test_everything_that_is_there_arrives(saleor: LoadedSystem, entity: str, day: int):
    assert_whole(saleor, entity, day, KEYS[entity])


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("entity", VALUES)
def test_values_are_those_of_the_source(saleor: LoadedSystem, entity: str, day: int):
    columns, query = VALUES[entity]
    assert assert_equal(saleor, entity, day, columns, query) == ROWS[entity][day - 1]


def test_a_movement_whose_stock_was_deleted_stays_as_it_was(saleor: LoadedSystem):
    assert_equal(saleor, "stock_movements", 1, MOVED, MOVEMENTS)
    before, after = (saleor.live("stock_movements", day, *MOVED) for day in (1, 2))
    stated = {str(key): tuple(row) for key, *row in saleor.source(2, MOVEMENTS)}
    assert {key for key in after if after[key] != stated[key]} == {"143"}
    assert after["143"] == before["143"]


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("entity", MONEY)
def test_money_is_equal_to_the_cent_in_each_currency(saleor: LoadedSystem, entity: str, day: int):
    columns, query = MONEY[entity]
    expected = {currency: tuple(map(Decimal, amounts)) for currency, amounts in SUMS[entity, day].items()}
    assert assert_money(saleor, entity, day, columns, query) == expected


def test_the_second_day_brings_hard_deletes_and_what_no_column_tells_of(saleor: LoadedSystem):
    for entity, keys in KEYS.items():
        before, after = ({str(key) for (key,) in saleor.source(day, keys)} for day in (1, 2))
        assert saleor.deleted(entity, 1) == set()
        assert saleor.deleted(entity, 2) == before - after, entity
    gone = {entity: saleor.deleted(entity, 2) for entity in KEYS}
    counted = {entity: len(keys) for entity, keys in gone.items() if keys}
    assert counted == {"products": 3, "shopping_carts": 1, "cart_items": 25}
    # Lines of the deleted variants lost their link to them, which no column tells of; Silver still knows what was sold.
    ((unlinked,),) = saleor.source(2, "SELECT count(*) FROM order_orderline WHERE variant_id IS NULL")
    sold = saleor.live("sale_items", 2, "product_id")
    assert unlinked == sum(product in gone["products"] for (product,) in sold.values()) == 20
    # A product was renamed; its variants did not move.
    names_before, names_after = (saleor.live("products", day, "product_name") for day in (1, 2))
    renamed = {key for key in names_after if names_after[key] != names_before[key]}
    assert renamed == {
        str(key)
        for (key,) in saleor.source(
            2,
            """SELECT v.id FROM product_productvariant v JOIN product_product p ON p.id = v.product_id
            WHERE p.updated_at > '2026-11-24'""",
        )
    }
