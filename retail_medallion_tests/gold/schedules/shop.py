"""The rows of a small shop: few keys, so that they meet, and the values that Gold tells apart."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal as D  # noqa: N817 schedules are printed as code
from typing import Any

from hypothesis import strategies as st

from retail_medallion_tests.gold.oracle import Row
from retail_medallion_tests.gold.warehouse import DEFAULTS, MODEL

WITHDRAWN, TOMBSTONE = "withdrawn", "tombstone"
"""What a day may say of a key beside a row: nothing any more, or that it is gone."""

IDS = {
    "product_categories": ["c1", "c2", "c3"],
    "products": ["p1", "p2", "p3"],
    "suppliers": ["v1", "v2"],
    "inventory_locations": ["w1", "w2", "w3"],
    "customers": ["u1", "u2", "u3", "u4"],
    "payment_methods": ["m1", "m2"],
    "coupons": ["k1", "k2", "k3"],
    "sales": ["s1", "s2", "s3", "s4"],
    "sale_items": ["i1", "i2", "i3", "i4", "i5"],
    "transactions": ["t1", "t2", "t3"],
    "loyalty_transactions": ["l1", "l2"],
    "product_reviews": ["r1", "r2", "r3"],
    "shopping_carts": ["b1", "b2", "b3"],
    "cart_items": ["j1", "j2", "j3", "j4"],
    "sale_fulfilments": ["f1", "f2", "f3"],
    "stock_movements": ["n1", "n2", "n3", "n4", "n5"],
}


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(text: str) -> dt.datetime:
    """An instant in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


WRITTEN_ON = [day("2026-06-20"), day("2026-06-21"), day("2026-07-10")]
"""Days of Silver that are written; an earlier one after a later one is a backfill."""

QUIET = day("2026-08-01")
"""A day on which nothing was written."""

BUSINESS = [
    day(text)
    for text in (
        "2026-06-20",
        "2026-06-19",
        "2026-06-21",
        "2026-05-31",
        "2026-07-01",
        "2026-07-15",
        "2026-08-30",
        "2025-06-21",
        "2025-06-20",
    )
]
SHELF = [day(text) for text in ("2026-06-20", "2026-06-19", "2026-06-21", "2026-05-30", "2026-06-01", "2026-07-01")]
INSTANTS = [
    at(text)
    for text in (
        "2026-06-20 12:00",
        "2026-06-20 22:30",
        "2026-06-19 23:10:20",
        "2026-06-21 00:00",
        "2026-06-21 12:00",
        "2026-06-25 09:30",
        "2026-06-27 12:00",
        "2026-06-30 23:59:59",
    )
]
DELIVERED_UP_TO = [
    day(text)
    for text in (
        "2026-06-20",
        "2026-06-21",
        "2026-06-19",
        "2026-06-22",
        "2026-06-30",
        "2026-07-15",
        "2026-09-30",
        "2026-12-31",
    )
]
"""Last days of partitions: the horizon is the day after."""


def full(entity: str, values: Row) -> Row:
    """A row with every column of the entity."""
    columns = {column.name: None for column in MODEL.entity(entity) if column.name != MODEL.entity(entity).key}
    defaults = {
        c: D(v) if isinstance(v, int) and not isinstance(v, bool) else v for c, v in DEFAULTS.get(entity, {}).items()
    }
    return {**columns, "is_deleted": False, **defaults, **PLAIN.get(entity, {}), **values}


PLAIN: dict[str, Row] = {
    "sale_items": {"sale_id": "s1"},
    "product_reviews": {"product_id": "p1"},
    "cart_items": {"cart_id": "b1"},
    "sale_fulfilments": {"sale_id": "s1"},
    "stock_movements": {"product_id": "p1", "location_id": "w1", "quantity": D(4)},
}
"""What a row says where a schedule does not."""


def maybe(entity: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([*IDS[entity], None])


def some(entity: str) -> st.SearchStrategy[str]:
    return st.sampled_from(IDS[entity])


def pick(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def amount(*more: str) -> st.SearchStrategy[D]:
    return st.sampled_from([D(text) for text in ("10", "0", "0.01", "3.33", "7.005", "100", *more)])


def lists_of(entity: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(IDS[entity]), unique=True, max_size=3).map(sorted)


deleted = pick(False, False, False, True)
currency = pick("EUR", "JPY")
business_date = st.sampled_from(BUSINESS)
instant = st.sampled_from(INSTANTS)
maybe_instant = st.sampled_from([*INSTANTS, None])
channel = pick("store", "web")


def _signed(sizes: tuple[str, ...], *, up: str, down: str, either: str) -> list[tuple[str, D]]:
    signs = [*((kind, 1) for kind in f"{up} {either}".split()), *((kind, -1) for kind in f"{down} {either}".split())]
    return [(kind, D(size) * sign) for size in sizes for kind, sign in signs]


# Silver gives a quantity the sign of its kind.
MOVED = [
    *_signed(
        ("4", "1", "2.5"),
        up="purchase_receipt customer_return transfer_in count opening_balance",
        down="sale_issue sale_issue transfer_out write_off supplier_return",
        either="adjustment other",
    ),
    ("count", D(0)),
    ("adjustment", D(0)),
]
POINTS = _signed(("5", "0.25"), up="earn bonus", down="redeem expire", either="adjust reverse")

# Columns that only make sense together are drawn together, under a name with a plus sign, and taken apart afterwards.
COLUMNS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "product_categories": {
        "parent_category_id": maybe("product_categories"),
        "category_name": pick("A", "B"),
        "is_deleted": deleted,
    },
    "products": {
        "category_id": maybe("product_categories"),
        "extra_category_ids": lists_of("product_categories"),
        "supplier_id": maybe("suppliers"),
        "list_price": amount(),
        "cost_price": amount(),
        "brand": pick("X", None),
        "is_active": st.booleans(),
        "attributes": pick({"colour": "blue"}, None),
        "is_deleted": deleted,
    },
    "suppliers": {"is_active": st.booleans(), "is_deleted": deleted},
    "inventory_locations": {
        "parent_location_id": maybe("inventory_locations"),
        "location_type": pick("store", "online", "warehouse", "other"),
        "is_deleted": deleted,
    },
    "customers": {
        "home_location_id": maybe("inventory_locations"),
        "merged_into_customer_id": maybe("customers"),
        "identity_hash": st.sampled_from([uuid.UUID(int=5), uuid.UUID(int=6), None]),
        "segment": pick("GOLD", None),
        "loyalty_tier": pick("T1", None),
        "city": pick("Ulm", None),
        "marketing_opt_in": pick(True, False, None),
        "is_active": st.booleans(),
        "postal_code": pick("8 9073", None),
        "birth_date": pick(day("1990-02-28"), None),
        "registered_at": maybe_instant,
        "is_deleted": deleted,
    },
    "payment_methods": {"method_type": pick("cash", "wallet"), "is_deleted": deleted},
    "coupons": {
        "campaign_name": pick("Spring", None),
        "customer_id": maybe("customers"),
        "starts_at": pick(INSTANTS[2], None),
        "ends_at": pick(INSTANTS[-1], None),
        "usage_limit": pick(5, None),
        "is_deleted": deleted,
    },
    "sales": {
        "customer_id": maybe("customers"),
        "location_id": maybe("inventory_locations"),
        "business_date": business_date,
        "sold_at": instant,
        "channel": channel,
        "status": pick("completed", "cancelled", "draft", "confirmed"),
        "sale_type": pick("sale", "return", "exchange"),
        "original_sale_id": maybe("sales"),
        "currency_code": currency,
        "subtotal_amount": pick(D(20), None),
        "discount_amount": amount(),
        "tax_amount": amount(),
        "shipping_amount": amount(),
        "other_amount": amount("-2"),
        "total_amount": amount("-5", "20"),
        "tax_included": st.booleans(),
        "coupon_ids": lists_of("coupons"),
        "is_test": deleted,
        "is_deleted": deleted,
    },
    "sale_items": {
        "sale_id": some("sales"),
        "product_id": maybe("products"),
        "location_id": maybe("inventory_locations"),
        "line_type": pick("sale", "return", "shipping", "gift_card", "service", "fee", "deposit", "unknown"),
        "quantity": pick(D(1), D(2), D("0.5")),
        "returned_quantity": pick(D(0), D("0.5")),
        "gross_amount": amount("-4", "9.99"),
        "discount_amount": amount(),
        "tax_amount": amount("-1"),
        "unit_cost": pick(D(4), D("0.3333"), None),
        "coupon_id": maybe("coupons"),
        "original_sale_item_id": maybe("sale_items"),
        "line_number": pick(1, None),
        "is_deleted": deleted,
    },
    "transactions": {
        "sale_id": maybe("sales"),
        "customer_id": maybe("customers"),
        "location_id": maybe("inventory_locations"),
        "payment_method_id": maybe("payment_methods"),
        "transaction_type": pick("payment", "capture", "refund", "chargeback", "authorisation", "fee"),
        "status": pick("succeeded", "failed", "pending"),
        "currency_code": currency,
        "amount": amount("20"),
        "change_amount": pick(D(0), D("2.5")),
        "fee_amount": pick(D("0.35"), None),
        "business_date": business_date,
        "is_deleted": deleted,
    },
    "loyalty_transactions": {
        "customer_id": maybe("customers"),
        "sale_id": maybe("sales"),
        "location_id": maybe("inventory_locations"),
        "transaction_type+points": st.sampled_from(POINTS),
        "monetary_value": pick(D("1.5"), None),
        "business_date": business_date,
        "is_deleted": deleted,
    },
    "product_reviews": {
        "product_id": maybe("products"),
        "customer_id": maybe("customers"),
        "sale_id": maybe("sales"),
        "rating": pick(D(4), D(1), D(2), D(5), D("2.25")),
        "status": pick("published", "pending", "hidden"),
        "body": pick("Größe passt", "", None),
        "is_verified_purchase": pick(True, None),
        "business_date": business_date,
        "is_deleted": deleted,
    },
    "shopping_carts": {
        "customer_id": maybe("customers"),
        "sale_id": maybe("sales"),
        "status": pick("active", "checkout", "converted", "abandoned", "merged", "expired"),
        "channel": channel,
        "device_type": pick("mobile", None),
        "currency_code": currency,
        "total_amount": pick(D("12.5"), None),
        "created_at": instant,
        "last_activity_at": instant,
        "checkout_started_at": maybe_instant,
        "converted_at": maybe_instant,
        "abandoned_at": maybe_instant,
        "business_date": business_date,
        "is_deleted": deleted,
    },
    "cart_items": {
        "cart_id": some("shopping_carts"),
        "product_id": maybe("products"),
        "quantity": pick(D(1), D(0), D("2.5")),
        "line_amount": pick(D(5), D("0.01"), None),
        "added_at": maybe_instant,
        "removed_at": maybe_instant,
        "is_deleted": deleted,
    },
    "sale_fulfilments": {
        "sale_id": some("sales"),
        "sale_item_id": maybe("sale_items"),
        "location_id": maybe("inventory_locations"),
        "status": pick("pending", "shipped", "delivered", "failed", "cancelled", "returned"),
        "fulfilment_type": pick("shipment", "store_pickup"),
        "carrier": pick("DHL", None),
        "quantity": pick(D(1), D("0.5"), None),
        "lines": pick(
            [{"sale_item_id": "i1", "quantity": 1}],
            [{"sale_item_id": "i1", "quantity": 0.5}, {"sale_item_id": "i2", "quantity": 2}],
            [],
            None,
        ),
        "created_at": instant,
        "promised_at": maybe_instant,
        "picked_at": maybe_instant,
        "shipped_at": maybe_instant,
        "delivered_at": maybe_instant,
        "returned_at": maybe_instant,
        "cancelled_at": maybe_instant,
        "shipping_cost": pick(D("4.9"), None),
        "is_deleted": deleted,
    },
    "stock_movements": {
        "product_id": some("products"),
        "location_id": some("inventory_locations"),
        "counterpart_location_id": maybe("inventory_locations"),
        "supplier_id": maybe("suppliers"),
        "movement_type+quantity": st.sampled_from(MOVED),
        "unit_cost": pick(D("2.5"), D("0.3333"), None),
        "currency_code": pick("EUR", "JPY", None),
        "business_date": st.sampled_from(SHELF),
        "occurred_at": instant,
        "is_deleted": deleted,
    },
}
"""Entity to the columns a schedule may set."""

OWN_LINKS = {
    "product_categories": "parent_category_id",
    "inventory_locations": "parent_location_id",
    "customers": "merged_into_customer_id",
    "stock_movements": "counterpart_location_id",
}
"""Links that Silver refuses where they lead to the row itself, or to the place the row is about."""


def _apart(entity: str, id_: str, values: Row) -> Row:
    row: Row = {}
    for columns, value in values.items():
        names = columns.split("+")
        row |= dict(zip(names, value, strict=True)) if len(names) > 1 else {columns: value}
    link = OWN_LINKS.get(entity)
    if link and row.get(link) in {id_, row.get("location_id", "w1")}:
        del row[link]
    return row


@st.composite
def changes(draw: st.DrawFn, entities: tuple[str, ...]) -> tuple[str, str, Any]:
    """One key and what a day says of it: entity, key, and a row, WITHDRAWN or TOMBSTONE."""
    entity = draw(st.sampled_from(entities))
    id_ = draw(st.sampled_from(IDS[entity]))
    kind = draw(st.integers(0, 14))
    if kind >= 13:
        return entity, id_, WITHDRAWN if kind == 13 else TOMBSTONE
    values = draw(st.fixed_dictionaries({}, optional=COLUMNS[entity]))
    return entity, id_, _apart(entity, id_, values)
