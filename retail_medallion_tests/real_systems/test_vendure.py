"""Vendure's mapping held against Vendure's own database, through SQL that knows nothing of the mapping."""

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

PLACED = '(SELECT * FROM "order" WHERE "orderPlacedAt" IS NOT NULL)'
OPEN = '(SELECT * FROM "order" WHERE "orderPlacedAt" IS NULL)'
PROMOTED = "(SELECT coalesce(sum((a ->> 'amount')::int), 0) FROM jsonb_array_elements(l.adjustments::jsonb) a)"

KEYS = {
    "product_categories": 'SELECT id FROM collection WHERE "parentId" IS NOT NULL',
    "products": """SELECT v.id FROM product_variant v JOIN product p ON p.id = v."productId"
        WHERE v."deletedAt" IS NULL AND p."deletedAt" IS NULL""",
    "inventory_locations": "SELECT id FROM stock_location",
    "customers": 'SELECT id FROM customer WHERE "deletedAt" IS NULL',
    "payment_methods": "SELECT id FROM payment_method",
    "coupons": """SELECT id FROM promotion WHERE "couponCode" IS NOT NULL AND "deletedAt" IS NULL""",
    "stock_movements": """SELECT id FROM stock_movement
        WHERE discriminator IN ('StockAdjustment', 'Sale', 'Cancellation')""",
    "sales": f"SELECT id FROM {PLACED} o",
    "sale_items": f'SELECT l.id FROM order_line l JOIN {PLACED} o ON o.id = l."orderId"',
    "transactions": "SELECT 'payment:' || id FROM payment UNION ALL SELECT 'refund:' || id FROM refund",
    "shopping_carts": f"SELECT id FROM {OPEN} o",
    "cart_items": f'SELECT l.id FROM order_line l JOIN {OPEN} o ON o.id = l."orderId"',
    "sale_fulfilments": "SELECT id FROM fulfillment",
}
"""Per entity, the keys of what is there."""

MONEY: dict[str, tuple[list[str], str]] = {
    "products": (
        ["currency_code", "list_price"],
        """SELECT v.id, p."currencyCode", p.price / 100.0 FROM product_variant v
        LEFT JOIN product_variant_price p ON p."variantId" = v.id AND p."channelId" = 1
        WHERE v."deletedAt" IS NULL""",
    ),
    "sales": (
        ["currency_code", "total_amount", "shipping_amount", "tax_amount"],
        f"""SELECT o.id, o."currencyCode", (o."subTotalWithTax" + o."shippingWithTax") / 100.0,
        o."shippingWithTax" / 100.0,
        (o."subTotalWithTax" - o."subTotal" + o."shippingWithTax" - o.shipping) / 100.0 FROM {PLACED} o""",
    ),
    "transactions": (
        ["currency_code", "amount"],
        """SELECT 'payment:' || p.id, o."currencyCode", p.amount / 100.0
        FROM payment p JOIN "order" o ON o.id = p."orderId"
        UNION ALL SELECT 'refund:' || r.id, o."currencyCode", (r.items + r.shipping + r.adjustment) / 100.0
        FROM refund r JOIN payment p ON p.id = r."paymentId" JOIN "order" o ON o.id = p."orderId" """,
    ),
    "shopping_carts": (
        ["currency_code", "total_amount"],
        f"""SELECT id, "currencyCode", ("subTotalWithTax" + "shippingWithTax") / 100.0 FROM {OPEN} o""",
    ),
}
"""Per entity, its currency and amounts, and where they stand."""

SUMS: dict[tuple[str, int], dict[str, tuple[str, ...]]] = {
    ("products", 1): {"USD": ("29144.65",)},
    ("products", 2): {"USD": ("28849.65",)},
    ("sales", 1): {"USD": ("306515.66", "1490", "50837.69"), "EUR": ("39004.71", "195", "6468.29")},
    ("sales", 2): {"USD": ("383679.13", "1775", "63650.79"), "EUR": ("39004.71", "195", "6468.29")},
    ("transactions", 1): {"USD": ("361744.26",), "EUR": ("39004.71",)},
    ("transactions", 2): {"USD": ("453374.14",), "EUR": ("39004.71",)},
    ("shopping_carts", 1): {"USD": ("115514.26",), "EUR": ("11896.62",)},
    ("shopping_carts", 2): {"USD": ("117833.87",), "EUR": ("11896.62",)},
}

VALUES: dict[str, tuple[list[str], str]] = {
    "product_categories": (
        ["parent_category_id", "category_name", "category_code"],
        """SELECT c.id, nullif(c."parentId", 1)::text, t.name, upper(t.slug)
        FROM collection c JOIN collection_translation t ON t."baseId" = c.id""",
    ),
    "products": (
        ["sku", "parent_product_id", "product_name", "category_id", "extra_category_ids", "is_active", "tax_rate"],
        """SELECT v.id, upper(v.sku), v."productId"::text, t.name,
        min(c.id) FILTER (WHERE c."parentId" <> 1)::text, array_agg(c.id::text) FILTER (WHERE c."parentId" = 1),
        v.enabled AND p.enabled, 0.2
        FROM product_variant v JOIN product p ON p.id = v."productId"
        JOIN product_translation t ON t."baseId" = p.id AND t."languageCode" = 'en'
        JOIN collection_product_variants_product_variant m ON m."productVariantId" = v.id
        JOIN collection c ON c.id = m."collectionId"
        GROUP BY v.id, v.sku, v."productId", v.enabled, p.enabled, t.name""",
    ),
    "inventory_locations": (
        ["location_name", "location_type"],
        "SELECT id, name, CASE WHEN name LIKE '%store' THEN 'store' ELSE 'warehouse' END FROM stock_location",
    ),
    "customers": (
        ["email", "last_name", "is_guest", "city", "country_code"],
        """SELECT c.id, lower(c."emailAddress"), c."lastName",
        NOT EXISTS (SELECT FROM "user" u WHERE u.id = c."userId"), a.city, CASE WHEN a.id IS NOT NULL THEN 'GB' END
        FROM customer c LEFT JOIN address a ON a."customerId" = c.id""",
    ),
    "payment_methods": (
        ["method_name", "method_type", "provider"],
        """SELECT id, CASE id WHEN 1 THEN 'Standard Payment' ELSE 'Card' END,
        CASE id WHEN 1 THEN 'other' ELSE 'credit_card' END, 'dummy-payment-handler' FROM payment_method""",
    ),
    "coupons": (
        ["coupon_code", "discount_type", "discount_value", "applies_to", "status", "usage_limit_per_customer"],
        "SELECT 1, 'TEN', 'percentage', 10, 'order', 'active', 5",
    ),
    "stock_movements": (
        ["product_id", "location_id", "movement_type", "quantity", "sale_id"],
        """SELECT m.id, m."productVariantId"::text, m."stockLocationId"::text, CASE m.discriminator
        WHEN 'Sale' THEN 'sale_issue' WHEN 'Cancellation' THEN 'customer_return' ELSE 'adjustment' END,
        m.quantity, l."orderId"::text
        FROM stock_movement m LEFT JOIN order_line l ON l.id = m."orderLineId" """,
    ),
    "sales": (
        ["customer_id", "sold_at", "status", "payment_status", "tax_included", "coupon_ids"],
        f"""SELECT o.id, o."customerId"::text, o."orderPlacedAt" AT TIME ZONE 'UTC',
        CASE o.state WHEN 'Delivered' THEN 'completed' WHEN 'Cancelled' THEN 'cancelled' ELSE 'confirmed' END,
        CASE o.state WHEN 'PaymentAuthorized' THEN 'authorised' WHEN 'Cancelled' THEN NULL ELSE 'paid' END,
        o."currencyCode" = 'EUR', CASE o."couponCodes" WHEN 'TEN' THEN ARRAY['1'] END FROM {PLACED} o""",
    ),
    "sale_items": (
        ["sale_id", "product_id", "quantity", "returned_quantity", "gross_amount", "discount_amount", "coupon_id"],
        f"""SELECT l.id, l."orderId"::text, l."productVariantId"::text, l."orderPlacedQuantity",
        l."orderPlacedQuantity" - l.quantity, l."listPrice" * l."orderPlacedQuantity" / 100.0, {PROMOTED} / -100.0,
        CASE WHEN l.adjustments LIKE '%PROMOTION:1"%' THEN '1' END FROM order_line l""",
    ),
    "transactions": (
        ["sale_id", "parent_transaction_id", "transaction_type", "status", "payment_method_id", "masked_account"],
        """SELECT 'payment:' || id, "orderId"::text, NULL,
        CASE state WHEN 'Authorized' THEN 'authorisation' ELSE 'payment' END,
        CASE state WHEN 'Declined' THEN 'failed' ELSE 'succeeded' END,
        CASE method WHEN 'card-auto' THEN '2' ELSE '1' END,
        substring(metadata from '"cardEnding":"([0-9]+)"') FROM payment
        UNION ALL SELECT 'refund:' || r.id, p."orderId"::text, 'payment:' || p.id, 'refund', 'succeeded',
        CASE p.method WHEN 'card-auto' THEN '2' ELSE '1' END, NULL
        FROM refund r JOIN payment p ON p.id = r."paymentId" """,
    ),
    "shopping_carts": (
        ["customer_id", "status", "created_at"],
        f"""SELECT id, "customerId"::text, 'active', "createdAt" AT TIME ZONE 'UTC' FROM {OPEN} o""",
    ),
    "cart_items": (
        ["cart_id", "product_id", "quantity", "unit_price", "line_amount"],
        f"""SELECT l.id, l."orderId"::text, l."productVariantId"::text, l.quantity, l."listPrice" / 100.0,
        (l."listPrice" * l.quantity + {PROMOTED}) / 100.0 FROM order_line l""",
    ),
    "sale_fulfilments": (
        ["sale_id", "status", "quantity", "location_id", "destination_country_code", "delivered_at"],
        """SELECT f.id, x."orderId"::text, lower(f.state), r.units, '1',
        CASE WHEN o."shippingAddress" LIKE '%Berlin%' THEN 'DE' ELSE 'GB' END,
        CASE f.state WHEN 'Delivered' THEN f."updatedAt" AT TIME ZONE 'UTC' END
        FROM fulfillment f JOIN order_fulfillments_fulfillment x ON x."fulfillmentId" = f.id
        JOIN "order" o ON o.id = x."orderId"
        JOIN (SELECT "fulfillmentId" AS id, sum(quantity) AS units FROM order_line_reference GROUP BY 1) r
        ON r.id = f.id""",
    ),
}
"""Per entity, columns and what they have to hold."""

ROWS = {
    "product_categories": (9, 9),
    "products": (87, 86),
    "inventory_locations": (2, 2),
    "customers": (97, 117),
    "payment_methods": (2, 2),
    "coupons": (1, 1),
    "stock_movements": (469, 597),
    "sales": (236, 271),
    "sale_items": (516, 597),
    "transactions": (272, 313),
    "shopping_carts": (52, 56),
    "cart_items": (112, 121),
    "sale_fulfilments": (141, 163),
}
"""Live rows of each day."""


def test_all_thirteen_entities_vendure_has_are_mapped(vendure: LoadedSystem):
    assert set(vendure.mapping.entities) == set(KEYS) == set(VALUES)
    assert {entity: tuple(len(vendure.live(entity, day)) for day in (1, 2)) for entity in KEYS} == ROWS


def test_rows_add_up_and_none_is_rejected(vendure: LoadedSystem):
    assert_balanced(vendure)
    assert [totals(vendure, day) for day in (1, 2)] == [(2702, 540, 1998, 0, 164), (659, 87, 559, 0, 13)]
    for day in (1, 2):
        assert {entity: counts.rejected for entity, counts in vendure.all_counts(day).items() if counts.rejected} == {}
    # Reservations are read and left out: they move nothing.
    assert [vendure.counts("stock_movements", day).filtered for day in (1, 2)] == [540, 87]


def test_what_is_flagged_is_what_the_page_tells(vendure: LoadedSystem):
    flagged = {
        (entity, rule): (
            vendure.counts(entity, 1).warnings.get(rule, 0),
            vendure.counts(entity, 2).warnings.get(rule, 0),
        )
        for entity in KEYS
        for rule in {*vendure.counts(entity, 1).warnings, *vendure.counts(entity, 2).warnings}
    }
    assert flagged == {
        ("inventory_locations", "inventory_locations.country_missing"): (2, 2),
        ("sales", "G05"): (90, 16),
        ("sale_fulfilments", "sale_fulfilments.not_promised"): (141, 22),
    }


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("entity", KEYS)
def test_everything_that_is_there_arrives_with_its_values(vendure: LoadedSystem, entity: str, day: int):
    assert_whole(vendure, entity, day, KEYS[entity])
    columns, query = VALUES[entity]
    assert assert_equal(vendure, entity, day, columns, query) == ROWS[entity][day - 1]


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("entity", MONEY)
def test_money_is_equal_to_the_cent_in_each_currency(vendure: LoadedSystem, entity: str, day: int):
    columns, query = MONEY[entity]
    expected = {currency: tuple(map(Decimal, amounts)) for currency, amounts in SUMS[entity, day].items()}
    assert assert_money(vendure, entity, day, columns, query) == expected


@pytest.mark.parametrize("day", [1, 2])
def test_lines_add_up_to_what_the_order_says_wherever_nothing_was_taken_off(vendure: LoadedSystem, day: int):
    stated = vendure.source(
        day,
        f"""SELECT o.id::text, o."subTotal" / 100.0, o."subTotalWithTax" / 100.0 FROM {PLACED} o WHERE NOT EXISTS (
        SELECT FROM order_line l WHERE l."orderId" = o.id AND l.quantity <> l."orderPlacedQuantity")""",
    )
    lines = vendure.live("sale_items", day, "sale_id", "net_amount", "tax_amount")
    other = vendure.live("sales", day, "other_amount")
    for sale, net, gross in stated:
        amounts = [(total, tax) for sale_id, total, tax in lines.values() if sale_id == sale]
        assert (sum(total - tax for total, tax in amounts), sum(total for total, _ in amounts)) == (net, gross)
        assert other[sale] == (0,)
    # The header's equation is a rule of the model, and no sale breaks it.
    assert len(stated) == (203, 232)[day - 1]


def test_the_second_day_brings_inserts_updates_and_soft_deletes(vendure: LoadedSystem):
    assert [vendure.deleted("products", day) for day in (1, 2)] == [{"79"}, {"78", "79"}]
    for entity in set(KEYS) - {"products", "customers"}:
        assert vendure.deleted(entity, 2) == set(), entity
    # One customer was made and deleted within the second day.
    assert [len(vendure.deleted("customers", day)) for day in (1, 2)] == [1, 2]
    touched = vendure.source(
        2,
        """SELECT v.id::text FROM product_variant v JOIN product p ON p.id = v."productId"
        WHERE greatest(v."updatedAt", p."updatedAt") > '2026-11-24' AND v."deletedAt" IS NULL""",
    )
    before, after = (vendure.live("products", day, "source_updated_at") for day in (1, 2))
    assert {key for key in after if after[key] != before[key]} == {key for (key,) in touched}
    assert len(touched) == 40
