"""A complete row of every entity, and for every rule what breaks it and what comes close and does not."""

# ruff: noqa: E501 - one example, one line

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

D = Decimal
NOON = dt.datetime(2026, 6, 20, 10, tzinfo=dt.UTC)
EARLIER, LATER = NOON - dt.timedelta(seconds=1), NOON + dt.timedelta(hours=1)
DAY, NEXT_DAY = dt.date(2026, 6, 20), dt.date(2026, 6, 21)
COMPLETE: dict[str, dict[str, Any]] = {
    "cart_items": {"k": "b1", "cart_id": "w1", "product_id": "a1", "quantity": D(1)},
    "coupons": {"k": "d1", "discount_type": "percentage", "discount_value": D(10), "status": "active"},
    "customers": {"k": "c1", "full_name": "Ana Lind"},
    "inventory_locations": {"k": "l1", "location_name": "Mitte", "location_type": "store", "country_code": "DE"},
    "loyalty_transactions": {
        "k": "y1", "customer_id": "c1", "transaction_type": "earn", "points": D(5), "occurred_at": NOON,
    },
    "payment_methods": {"k": "p1", "method_name": "Cash", "method_type": "cash"},
    "product_categories": {"k": "g1", "category_name": "Shoes"},
    "product_reviews": {
        "k": "r1", "product_id": "a1", "rating": D(4), "body": "Fits.", "status": "published", "submitted_at": NOON,
    },
    "products": {"k": "a1", "product_name": "Shoe", "list_price": D("9.50")},
    "sale_fulfilments": {
        "k": "f1", "sale_id": "s1", "fulfilment_type": "shipment", "status": "shipped", "created_at": NOON,
        "promised_at": LATER,
    },
    "sale_items": {"k": "i1", "sale_id": "s1", "quantity": D(2), "unit_price": D("3.00")},
    "sales": {"k": "s1", "status": "completed", "sold_at": NOON, "total_amount": D("10.00")},
    "shopping_carts": {"k": "w1", "status": "active", "created_at": NOON, "last_activity_at": NOON},
    "stock_movements": {
        "k": "m1", "product_id": "a1", "location_id": "l1", "movement_type": "purchase_receipt", "quantity": D(3),
        "occurred_at": NOON,
    },
    "suppliers": {"k": "v1", "supplier_name": "Linden"},
    "transactions": {"k": "t1", "transaction_type": "payment", "amount": D("5.00"), "occurred_at": NOON},
}  # fmt: skip

Example = tuple[str, dict[str, Any], dict[str, Any]]
MODEL_RULES: list[Example] = [
    # id of the rule, what breaks it, what comes close
    ("cart_items.no_product", {"product_id": None}, {"product_id": None, "sku": "AB-1"}),
    ("cart_items.large_quantity", {"quantity": D("999.001")}, {"quantity": D(999)}),
    ("coupons.percentage_above_100", {"discount_value": D("100.01")}, {"discount_value": D(100)}),
    ("coupons.ends_before_start", {"starts_at": NOON, "ends_at": EARLIER}, {"starts_at": NOON, "ends_at": NOON}),
    ("customers.not_identified", {"full_name": None}, {"full_name": None, "is_guest": True}),
    ("customers.unlikely_age", {"birth_date": dt.date(2013, 6, 21)}, {"birth_date": dt.date(2013, 6, 20)}),
    ("customers.unlikely_age", {"birth_date": dt.date(1915, 6, 20)}, {"birth_date": dt.date(1915, 6, 21)}),
    ("customers.consent_without_time", {"marketing_opt_in": True}, {"marketing_opt_in": True, "marketing_opt_in_at": NOON}),
    (
        "inventory_locations.closed_before_opened",
        {"opened_on": NEXT_DAY, "closed_on": DAY},
        {"opened_on": DAY, "closed_on": DAY},
    ),
    ("inventory_locations.no_place", {"latitude": D(0), "longitude": D(0)}, {"latitude": D(0), "longitude": D("0.1")}),
    ("inventory_locations.country_missing", {"country_code": None}, {"country_code": "Germany"}),
    ("loyalty_transactions.no_account", {"customer_id": None}, {"customer_id": None, "loyalty_account_id": "y"}),
    ("product_categories.name_missing", {"category_name": " ", "category_code": "S"}, {"category_code": "S"}),
    ("product_categories.own_parent", {"k": "g1", "parent_category_id": " g1 "}, {"parent_category_id": "g2"}),
    ("product_reviews.no_product", {"product_id": None}, {"product_id": None, "parent_product_id": "a0"}),
    ("product_reviews.no_text", {"body": "<p> </p>"}, {"body": "!"}),
    ("products.negative_price", {"cost_price": D("-0.01")}, {"cost_price": D("0.01")}),
    ("products.internal_gtin", {"gtin": "2012345678903"}, {"gtin": "4006381333931"}),
    ("products.internal_gtin", {"gtin": "0212345678909"}, {"gtin": "0112345678902"}),
    ("products.internal_gtin", {"gtin": "20123451"}, {"gtin": "96385074"}),
    ("products.free_goods", {"list_price": D(0)}, {"list_price": D(0), "product_type": "service"}),
    ("products.cost_above_price", {"cost_price": D("9.51")}, {"cost_price": D("9.50")}),
    ("sale_fulfilments.no_units", {"quantity": D(0)}, {"quantity": D("0.001")}),
    (
        "sale_fulfilments.delivered_without_date",
        {"status": "picked_up"},
        {"status": "picked_up", "delivered_at": LATER},
    ),
    ("sale_fulfilments.not_promised", {"promised_at": None}, {"promised_at": NOON}),
    ("sale_items.no_quantity", {"quantity": D(0)}, {"quantity": D(-1)}),
    ("sale_items.gross_differs", {"gross_amount": D("6.02")}, {"gross_amount": D("6.01")}),
    ("sale_items.discount_above_gross", {"discount_amount": D("6.01")}, {"discount_amount": D("6.00")}),
    ("sale_items.free_line", {"unit_price": D(0)}, {"unit_price": D("0.01")}),
    ("sale_items.returned_above_quantity", {"returned_quantity": D("2.001")}, {"returned_quantity": D(2)}),
    (
        "sales.header_equation",
        {"subtotal_amount": D("10"), "tax_amount": D("0.03")},
        {"subtotal_amount": D("10"), "tax_amount": D("0.03"), "tax_included": True},
    ),
    ("sales.negative_sale", {"total_amount": D(-1)}, {"total_amount": D(-1), "sale_type": "return"}),
    ("shopping_carts.converted_without_sale", {"status": "converted"}, {"status": "converted", "sale_id": "s1"}),
    (
        "shopping_carts.abandoned_and_converted",
        {"abandoned_at": NOON, "converted_at": NOON},
        {"abandoned_at": NOON},
    ),
    ("stock_movements.no_quantity", {"quantity": D(0)}, {"quantity": D(0), "movement_type": "count"}),
    (
        "stock_movements.counterpart_is_location",
        {"counterpart_location_id": "l1 "},
        {"counterpart_location_id": "L1"},
    ),
    ("stock_movements.free_receipt", {"unit_cost": D(0)}, {"unit_cost": D("0.0001")}),
    ("suppliers.bad_vat_number", {"tax_id": "DE136695977"}, {"tax_id": "DE 136 695 976"}),
    ("suppliers.bad_vat_number", {"tax_id": "B58378432", "country_code": "ES"}, {"tax_id": "B58378431", "country_code": "ES"}),
    ("suppliers.bad_vat_number", {"tax_id": "12345"}, {"tax_id": "12345", "country_code": "US"}),
    (
        "transactions.refund_without_parent",
        {"transaction_type": "refund"},
        {"transaction_type": "refund", "parent_transaction_id": "t0"},
    ),
    ("transactions.zero_amount", {"amount": D(0)}, {"amount": D("0.01")}),
    ("transactions.failed_but_settled", {"status": "failed", "settled_at": LATER}, {"status": "failed"}),
    # signs that another column tells
    ("coupons.discount_value_sign", {"discount_value": D(-10)}, {"discount_value": D(10)}),
    ("loyalty_transactions.points_sign", {"points": D(-5)}, {"points": D(-5), "transaction_type": "adjust"}),
    ("loyalty_transactions.points_sign", {"transaction_type": "redeem"}, {"points": D(-5), "transaction_type": "redeem"}),
    ("stock_movements.quantity_sign", {"quantity": D(-3)}, {"quantity": D(-3), "movement_type": "adjustment"}),
    ("stock_movements.quantity_sign", {"movement_type": "write_off"}, {"quantity": D(-3), "movement_type": "write_off"}),
    ("transactions.amount_sign", {"amount": D(-5)}, {"amount": D(-5), "transaction_type": "refund"}),
]  # fmt: skip

GENERIC: list[tuple[str, str, dict[str, Any], dict[str, Any], bool]] = [
    # rule, entity, what breaks it, what comes close, whether the row is refused
    ("G01", "customers", {"k": " "}, {"k": "0"}, True),
    ("G01", "suppliers", {"supplier_name": " \u200b"}, {"supplier_name": "-"}, True),
    ("G01", "sales", {"total_amount": None}, {"total_amount": D(0)}, True),
    ("G01", "sales", {"sold_at": None}, {"sold_at": NOON}, True),
    ("G01", "sale_items", {"sale_id": ""}, {"sale_id": "0"}, True),
    ("G01", "sale_items", {"quantity": None}, {"quantity": D(1)}, True),
    ("G01", "transactions", {"amount": None}, {"amount": D(1)}, True),
    ("G01", "transactions", {"transaction_type": "n/a"}, {"transaction_type": "capture"}, True),
    ("G01", "stock_movements", {"product_id": None}, {"product_id": "x"}, True),
    ("G01", "stock_movements", {"location_id": " "}, {"location_id": "x"}, True),
    ("G01", "stock_movements", {"quantity": None}, {"quantity": D(1)}, True),
    ("G01", "stock_movements", {"occurred_at": None}, {"occurred_at": NOON}, True),
    ("G01", "loyalty_transactions", {"points": None}, {"points": D(1)}, True),
    ("G01", "shopping_carts", {"created_at": None}, {"created_at": NOON}, True),
    ("G01", "sale_fulfilments", {"sale_id": None}, {"sale_id": "s2"}, True),
    ("G01", "sale_fulfilments", {"status": ""}, {"status": "packed"}, True),
    ("G01", "product_reviews", {"rating": None}, {"rating": D(1)}, True),
    ("G02", "sales", {"total_amount": "1.234,56"}, {"total_amount": "1234.56"}, True),
    ("G02", "sales", {"currency_code": "EURO"}, {"currency_code": "eur"}, True),
    ("G02", "products", {"weight_grams": "heavy"}, {"weight_grams": "12.5"}, False),
    ("G02", "sale_fulfilments", {"lines": '{"sale_item_id": 1}'}, {"lines": '[{"saleItemId": 1}]'}, False),
    ("G03", "sales", {"channel": "pigeon"}, {"channel": "Web"}, False),
    ("G03", "inventory_locations", {"location_type": "kiosk"}, {"location_type": "unknown"}, False),
    ("G03", "payment_methods", {"method_type": "shells"}, {"method_type": "CASH"}, False),
    ("G04", "sales", {"sold_at": dt.datetime(2026, 6, 22, tzinfo=dt.UTC)}, {"sold_at": dt.datetime(2026, 6, 21, 23, 59, tzinfo=dt.UTC)}, True),
    ("G04", "customers", {"registered_at": dt.datetime(1969, 1, 1, tzinfo=dt.UTC)}, {"registered_at": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}, False),
    ("G04", "customers", {"birth_date": NEXT_DAY}, {"birth_date": DAY}, False),
    ("G04", "coupons", {"ends_at": dt.datetime(2101, 1, 1, tzinfo=dt.UTC)}, {"ends_at": dt.datetime(2100, 12, 31, tzinfo=dt.UTC)}, False),
    ("G05", "sales", {"completed_at": EARLIER}, {"completed_at": NOON}, False),
    ("G05", "products", {"launched_on": NEXT_DAY, "discontinued_on": DAY}, {"launched_on": DAY, "discontinued_on": DAY}, False),
    ("G05", "stock_movements", {"recorded_at": EARLIER}, {"recorded_at": LATER}, False),
    ("G05", "sale_fulfilments", {"shipped_at": LATER, "delivered_at": NOON}, {"shipped_at": NOON, "delivered_at": LATER}, False),
    ("G06", "customers", {"email": "a@@b"}, {"email": "a@b.example"}, False),
    ("G06", "products", {"gtin": "4006381333932"}, {"gtin": "4006381333931"}, False),
    ("G06", "suppliers", {"gln": "4012345000008"}, {"gln": "4012345000009"}, False),
    ("G10", "products", {"currency_code": None}, {"currency_code": "EUR"}, False),
    ("G10", "products", {"currency_code": "EURO"}, {"currency_code": "EUR"}, True),
    ("G10", "sales", {"currency_code": None}, {"currency_code": "EUR"}, False),
    ("G10", "coupons", {"currency_code": None, "discount_type": "fixed_amount"}, {"currency_code": None}, False),
    ("G11", "payment_methods", {"method_name": "Visa 4111 1111 1111 1111"}, {"method_name": "Visa 4111 1111 1111 1112"}, True),
    ("G11", "transactions", {"masked_account": 4111111111111111}, {"masked_account": 4111111111111112}, True),
    ("G11", "product_reviews", {"body": "my card 4111<i>1111</i>11111111"}, {"body": "my card ****1111"}, True),
    ("G11", "loyalty_transactions", {"reason": "card 5555-5555-5555-4444"}, {"reason": "card"}, True),
    ("G13", "products", {"tax_rate": D("1.5")}, {"tax_rate": D(1)}, False),
    ("G13", "products", {"weight_grams": D("-1")}, {"weight_grams": D(0)}, False),
    ("G13", "sale_items", {"discount_amount": D("-1")}, {"discount_amount": D(0)}, True),
    ("G13", "suppliers", {"lead_time_days": 366}, {"lead_time_days": 365}, False),
    ("G13", "customers", {"merged_into_customer_id": "c1"}, {"merged_into_customer_id": "c1"}, False),
    ("G13", "product_reviews", {"rating": D("5.01")}, {"rating": D(5)}, True),
    ("G13", "cart_items", {"quantity": D(-1)}, {"quantity": D(0)}, True),
    ("G14", "customers", {"registered_at": dt.datetime(2025, 10, 26, 2, 30)}, {"registered_at": dt.datetime(2025, 10, 26, 3, 30)}, False),  # noqa: DTZ001 - local times
]  # fmt: skip
