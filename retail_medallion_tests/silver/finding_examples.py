"""One example of every finding rule: rows it speaks of, and the change after which it is silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retail_medallion_tests.silver.findings_world import DAY, NOON

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
LATER = NOON + dt.timedelta(hours=1)
EARLIER = NOON - dt.timedelta(days=30)


@dataclass(frozen=True)
class Example:
    """Rows in which the rule speaks of `id`; with the rows of `cure` in place of those of the same key it does not."""

    rule: str
    id: str
    rows: Rows
    cure: Rows
    expected: str | None = None
    actual: str | None = None


def category(key: str, parent: str | None = None, **values: Any) -> dict[str, Any]:
    return {"category_id": key, "parent_category_id": parent, **values}


def product(key: str, **values: Any) -> dict[str, Any]:
    return {"product_id": key, **values}


def sale(key: str, **values: Any) -> dict[str, Any]:
    return {"sale_id": key, **values}


def line(key: str, of: str, **values: Any) -> dict[str, Any]:
    return {"sale_item_id": key, "sale_id": of, **values}


def paid(key: str, of: str, amount: int, kind: str = "payment", **values: Any) -> dict[str, Any]:
    return {"transaction_id": key, "sale_id": of, "amount": amount, "transaction_type": kind, **values}


def moved(key: str, kind: str, quantity: int, at: dt.datetime = NOON, **values: Any) -> dict[str, Any]:
    named = {"stock_movement_id": key, "movement_type": kind, "quantity": quantity}
    return {**named, "occurred_at": at, "business_date": at.date(), **values}


def points(key: str, amount: int, at: dt.datetime = NOON, account: str | None = "a", **values: Any) -> dict[str, Any]:
    return {
        "loyalty_transaction_id": key,
        "points": amount,
        "occurred_at": at,
        "loyalty_account_id": account,
        **values,
    }


def review(key: str, **values: Any) -> dict[str, Any]:
    return {"review_id": key, "product_id": "p", "customer_id": "k", **values}


EXAMPLES = [
    Example(
        "product_categories.cycle_in_tree",
        "a",
        {"product_categories": [category("a", "b"), category("b", "c"), category("c", "a"), category("d", "a")]},
        {"product_categories": [category("c")]},
    ),
    Example(
        "product_categories.orphan",
        "b",
        {"product_categories": [category("a", is_deleted=True), category("b", "a")]},
        {"product_categories": [category("a")]},
        expected="a",
    ),
    Example(
        "products.no_category",
        "p",
        {"products": [product("p", category_id="c")], "product_categories": [category("c", is_deleted=True)]},
        {"product_categories": [category("c")]},
        actual="c",
    ),
    Example(
        "products.sold_while_inactive",
        "p",
        {
            "products": [product("p", is_active=False)],
            "sales": [sale("s", business_date=DAY + dt.timedelta(days=1))],
            "sale_items": [line("1", "s", product_id="p")],
        },
        {"sales": [sale("s", business_date=DAY)]},
        expected="2026-06-20",
        actual="2026-06-21",
    ),
    Example(
        "products.sold_without_cost",
        "p",
        {"products": [product("p", cost_price=None)], "sale_items": [line("1", "s", product_id="p")]},
        {"sale_items": [line("1", "s", product_id="p", unit_cost=4)]},
    ),
    Example(
        "inventory_locations.stock_while_closed",
        "l",
        {
            "inventory_locations": [{"location_id": "l", "is_active": False}],
            "stock_movements": [
                moved("1", "purchase_receipt", 50, EARLIER),
                moved("2", "count", 7),
                moved("3", "sale_issue", -3, LATER),
            ],
        },
        {"stock_movements": [moved("2", "count", 3)]},
        expected="0",
        actual="4.000",
    ),
    Example(
        "suppliers.inactive_with_active_products",
        "u",
        {
            "suppliers": [{"supplier_id": "u", "is_active": False}],
            "products": [product("p", supplier_id="u"), product("q", supplier_id="u", is_active=False)],
        },
        {"products": [product("p", supplier_id="v")]},
        expected="0",
        actual="1",
    ),
    Example(
        "customers.merge_chain",
        "a",
        {
            "customers": [
                {"customer_id": "a", "merged_into_customer_id": "b"},
                {"customer_id": "b", "merged_into_customer_id": "c"},
            ]
        },
        {"customers": [{"customer_id": "b"}]},
        expected="b",
        actual="c",
    ),
    Example(
        "payment_methods.used_while_inactive",
        "m",
        {
            "payment_methods": [{"payment_method_id": "m", "is_active": False}],
            "transactions": [paid("t", "s", 1, payment_method_id="m", business_date=DAY + dt.timedelta(days=2))],
        },
        {"payment_methods": [{"payment_method_id": "m"}]},
        expected="2026-06-20",
        actual="2026-06-22",
    ),
    Example(
        "coupons.redeemed_above_limit",
        "c",
        {
            "coupons": [{"coupon_id": "c", "usage_limit": 1}],
            "sales": [sale("s", coupon_ids=["b", "c"]), sale("t")],
            "sale_items": [line("1", "t", coupon_id="c"), line("2", "t", coupon_id="c"), line("3", "s", coupon_id="c")],
        },
        {"sales": [sale("t", status="cancelled")]},
        expected="1",
        actual="2",
    ),
    Example(
        "coupons.redeemed_above_limit_of_customer",
        "c",
        {
            "coupons": [{"coupon_id": "c", "usage_limit_per_customer": 1}],
            "sales": [sale(key, coupon_ids=["c"], customer_id="k") for key in "st"],
        },
        {"sales": [sale("t", coupon_ids=["c"], customer_id="other")]},
        expected="1",
        actual="2",
    ),
    Example(
        "coupons.redeemed_outside_validity",
        "c",
        {
            "coupons": [{"coupon_id": "c", "starts_at": EARLIER, "ends_at": NOON - dt.timedelta(minutes=1)}],
            "sales": [sale("s", coupon_ids=["c"], sold_at=NOON)],
        },
        {"sales": [sale("s", sold_at=NOON)]},
        expected="0",
        actual="1",
    ),
    Example(
        "coupons.usage_count_differs",
        "c",
        {"coupons": [{"coupon_id": "c", "usage_count": 1}]},
        {"sales": [sale("s", coupon_ids=["c"])]},
        expected="1",
        actual="0",
    ),
    Example(
        "stock_movements.stock_below_zero",
        "2",
        {
            "stock_movements": [
                moved("1", "opening_balance", 5, EARLIER),
                moved("2", "sale_issue", -6, EARLIER + dt.timedelta(days=1)),
                moved("3", "sale_issue", -1),
            ]
        },
        {"stock_movements": [moved("4", "purchase_receipt", 2, EARLIER + dt.timedelta(days=1, hours=5))]},
        expected="0",
        actual="-1.000",
    ),
    Example(
        "stock_movements.transfer_never_arrived",
        "x/out",
        {
            "stock_movements": [
                moved("x/out", "transfer_out", -4, counterpart_location_id="m", reference_id="x"),
                moved("y/in", "transfer_in", 4, location_id="m", reference_id="y"),
            ]
        },
        {"stock_movements": [moved("x/in", "transfer_in", 4, location_id="m", reference_id="x")]},
        expected="4.000",
    ),
    Example(
        "stock_movements.count_differs_from_books",
        "2",
        {"stock_movements": [moved("1", "purchase_receipt", 20), moved("2", "count", 17, LATER)]},
        {"stock_movements": [moved("2", "count", 18, LATER)]},
        expected="20.000",
        actual="17.000",
    ),
    Example(
        "sales.items_do_not_add_up",
        "s",
        {
            "sales": [sale("s", subtotal_amount=20)],
            "sale_items": [
                line("1", "s", gross_amount=25),
                line("2", "s", gross_amount=5, line_type="return"),
                line("3", "s", gross_amount="0.06"),
                line("4", "s", gross_amount=7, line_type="shipping"),
            ],
        },
        {"sale_items": [line("3", "s", gross_amount="0.05")]},
        expected="20.0000",
        actual="27.0600",
    ),
    Example(
        "sales.line_discounts_exceed_discount",
        "s",
        {"sales": [sale("s", discount_amount=1)], "sale_items": [line("1", "s", discount_amount=2)]},
        {"sales": [sale("s", discount_amount=2)]},
        expected="1.0000",
        actual="2.0000",
    ),
    Example(
        "sales.paid_differs",
        "s",
        {
            "sales": [sale("s", total_amount=10, currency_code="JPY")],
            "transactions": [
                paid("1", "s", 20, currency_code="JPY", change_amount=4),
                paid("2", "s", 16, "authorisation", currency_code="JPY"),
                paid("3", "s", 1, "refund", currency_code="JPY"),
                paid("4", "s", 9, status="failed", currency_code="JPY"),
            ],
        },
        {"transactions": [paid("3", "s", 2, "refund", currency_code="JPY")]},
        expected="10.0000",
        actual="15.0000",
    ),
    Example(
        "sales.no_items",
        "s",
        {"sales": [sale("s")], "sale_items": [line("1", "s", is_deleted=True)]},
        {"sale_items": [line("1", "s")]},
    ),
    Example(
        "sales.completed_without_fulfilment",
        "s",
        {
            "sales": [sale("s", channel="web")],
            "sale_fulfilments": [{"sale_fulfilment_id": "f", "sale_id": "s", "status": "failed"}],
        },
        {"sale_fulfilments": [{"sale_fulfilment_id": "f", "sale_id": "s"}]},
    ),
    Example(
        "sales.issued_differs_from_sold",
        "s",
        {
            "sales": [sale("s")],
            "sale_items": [line("1", "s", product_id="p", quantity=2), line("2", "s", product_id="bag", quantity=1)],
            "stock_movements": [moved("1", "sale_issue", -1, sale_id="s")],
        },
        {"stock_movements": [moved("1", "sale_issue", -2, sale_id="s")]},
        expected="2.000",
        actual="1.000",
    ),
    Example(
        "sale_items.return_without_original",
        "1",
        {"sales": [sale("s")], "sale_items": [line("1", "s", line_type="return")]},
        {"sales": [sale("s", original_sale_id="r")]},
    ),
    Example(
        "sale_items.returned_above_sold",
        "1",
        {
            "sale_items": [
                line("1", "s", quantity=2),
                line("2", "t", quantity=1, line_type="return", original_sale_item_id="1"),
                line("3", "u", quantity=2, line_type="return", original_sale_item_id="1"),
            ]
        },
        {"sale_items": [line("3", "u", quantity=2, line_type="return", original_sale_item_id="4")]},
        expected="2.000",
        actual="3.000",
    ),
    Example(
        "sale_items.returned_twice",
        "1",
        {
            "sale_items": [
                line("1", "s", quantity=2, returned_quantity=1),
                line("2", "t", quantity=1, line_type="return", original_sale_item_id="1"),
            ]
        },
        {"sale_items": [line("2", "t", quantity=1, line_type="sale", original_sale_item_id="1")]},
        expected="0",
        actual="1.000",
    ),
    Example(
        "transactions.refunds_exceed_payments",
        "3",
        {
            "sales": [sale("s", total_amount=10)],
            "transactions": [
                paid("1", "s", 10),
                paid("2", "s", 8, "refund"),
                paid("3", "s", 8, "refund", occurred_at=LATER),
            ],
        },
        {"sales": [sale("s", total_amount=-6)]},
        expected="10.0000",
        actual="16.0000",
    ),
    Example(
        "transactions.captured_above_authorised",
        "1",
        {
            "transactions": [
                paid("1", "s", 10, "authorisation"),
                paid("2", "s", 6, "capture", parent_transaction_id="1"),
                paid("3", "t", 6, "capture", parent_transaction_id="1"),
            ]
        },
        {"transactions": [paid("3", "t", 6, "capture", parent_transaction_id="1", status="failed")]},
        expected="10.0000",
        actual="12.0000",
    ),
    Example(
        "loyalty_transactions.balance_below_zero",
        "2",
        {
            "loyalty_transactions": [
                points("1", 5),
                points("2", -6, LATER),
                points("3", -1, LATER + dt.timedelta(hours=1)),
            ]
        },
        {"loyalty_transactions": [points("0", 2, EARLIER)]},
        expected="0",
        actual="-1.00",
    ),
    Example(
        "loyalty_transactions.balance_differs",
        "2",
        {
            "loyalty_transactions": [
                points("1", 5, account=None, customer_id="k", programme_code="A"),
                points("2", 3, LATER, account=None, customer_id="k", programme_code="A", balance_after=9),
                points("3", 9, EARLIER, account=None, customer_id="k", programme_code="B", balance_after=9),
            ]
        },
        {"loyalty_transactions": [points("1", 6, account=None, customer_id="k", programme_code="A")]},
        expected="8.00",
        actual="9.00",
    ),
    Example(
        "loyalty_transactions.redeemed_after_expiry",
        "2",
        {
            "loyalty_transactions": [
                points("1", 5, EARLIER, expires_at=EARLIER + dt.timedelta(days=1)),
                points("2", -3, transaction_type="redeem"),
                points("3", 2, EARLIER),
            ]
        },
        {"loyalty_transactions": [points("3", 3, EARLIER)]},
        expected="2.00",
        actual="3.00",
    ),
    Example(
        "shopping_carts.items_do_not_add_up",
        "c",
        {
            "shopping_carts": [{"cart_id": "c", "total_amount": 20, "subtotal_amount": 25}],
            "cart_items": [
                {"cart_item_id": "1", "cart_id": "c", "line_amount": 18},
                {"cart_item_id": "2", "cart_id": "c", "line_amount": 9, "is_saved_for_later": True},
            ],
        },
        {"cart_items": [{"cart_item_id": "1", "cart_id": "c", "line_amount": 25}]},
        expected="20.0000",
        actual="18.0000",
    ),
    Example(
        "shopping_carts.converted_sale_missing",
        "c",
        {
            "shopping_carts": [{"cart_id": "c", "status": "converted", "sale_id": "s"}],
            "sales": [sale("s", is_deleted=True)],
        },
        {"sales": [sale("s")]},
        expected="s",
    ),
    Example(
        "cart_items.price_differs",
        "1",
        {
            "shopping_carts": [{"cart_id": "c"}],
            "products": [product("p", list_price=10, currency_code="EUR")],
            "cart_items": [
                {"cart_item_id": "1", "cart_id": "c", "product_id": "p", "unit_price": 4, "added_at": NOON},
                {"cart_item_id": "2", "cart_id": "c", "product_id": "p", "unit_price": 4, "added_at": EARLIER},
            ],
        },
        {"shopping_carts": [{"cart_id": "c", "currency_code": "USD"}]},
        expected="10.0000",
        actual="4.0000",
    ),
    Example(
        "sale_fulfilments.shipped_above_sold",
        "g",
        {
            "sale_items": [line("1", "s", quantity=2), line("2", "s", quantity=1)],
            "sale_fulfilments": [
                {
                    "sale_fulfilment_id": "f",
                    "sale_id": "s",
                    "lines": '[{"sale_item_id": "1", "quantity": 2}, {"sale_item_id": "2", "quantity": "1"}]',
                },
                {"sale_fulfilment_id": "g", "sale_id": "s", "quantity": 1, "shipped_at": LATER},
            ],
        },
        {"sale_fulfilments": [{"sale_fulfilment_id": "g", "sale_id": "s", "quantity": 1, "status": "pending"}]},
        expected="3.000",
        actual="4.000",
    ),
    Example(
        "product_reviews.before_launch",
        "r",
        {"products": [product("p", launched_on=DAY + dt.timedelta(days=1))], "product_reviews": [review("r")]},
        {"products": [product("p", launched_on=DAY)]},
        expected="2026-06-21",
        actual="2026-06-20",
    ),
    Example(
        "product_reviews.purchase_not_found",
        "r",
        {
            "product_reviews": [review("r", is_verified_purchase=True)],
            "sales": [sale("s", customer_id="k")],
            "sale_items": [line("1", "s", product_id="q")],
        },
        {"sale_items": [line("1", "s", product_id="p")]},
    ),
    Example(
        "product_reviews.reviewed_twice",
        "r",
        {"product_reviews": [review("r"), review("q"), review("o", product_id="other")]},
        {"product_reviews": [review("q", customer_id="l")]},
        expected="1",
        actual="2",
    ),
]
