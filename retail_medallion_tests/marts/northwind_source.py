"""The business of Northwind, read from its own tables.

Prices and discounts are stored as `real`: their shortest text is what was entered, so that text is read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection
from psycopg2.extras import RealDictCursor

from retail_medallion_tests.marts.exact import ZERO, total
from retail_medallion_tests.marts.frames import COLUMNS, Retailer, Row, frame

ZONE = ZoneInfo("America/New_York")
_ORDERS = """
SELECT o.order_id, o.customer_id, o.order_date, o.required_date, o.shipped_date, o.freight::text, s.company_name
FROM orders o LEFT JOIN shippers s ON s.shipper_id = o.ship_via
"""
_LINES = "SELECT order_id, product_id, unit_price::text, quantity, discount::text FROM order_details"


def northwind_retailer(database: connection, *, first_day: dt.date, horizon: dt.date) -> Retailer:
    """Northwind as its dump tells; it has no carts, stock, payments or reviews."""
    with database.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_ORDERS)
        orders = [dict(row) for row in cursor.fetchall()]
        cursor.execute(_LINES)
        lines = [_line(dict(row)) for row in cursor.fetchall()]
        cursor.execute("SELECT customer_id FROM customers")
        customers = [{"customer_id": row["customer_id"], "person_key": None} for row in cursor.fetchall()]
    of_order: dict[str, list[Row]] = {}
    for line in lines:
        of_order.setdefault(line["sale_id"], []).append(line)
    rows: dict[str, Iterable[Row]] = {
        "customers": customers,
        "sales": [_sale(order, of_order.get(str(order["order_id"]), [])) for order in orders],
        "lines": lines,
        "parcels": [_parcel(order, of_order.get(str(order["order_id"]), [])) for order in orders],
    }
    frames = {name: frame(rows.get(name, ()), columns) for name, columns in COLUMNS.items()}
    return Retailer("northwind", ZONE, first_day, horizon, frames)


def _line(row: Row) -> Row:
    gross = Decimal(row["unit_price"]) * row["quantity"]
    return {
        # The key of the source has two parts.
        "line_id": f"{row['order_id']}|{row['product_id']}",
        "sale_id": str(row["order_id"]),
        "line_type": "sale",
        "product_id": str(row["product_id"]),
        "quantity": Decimal(row["quantity"]),
        "returned_quantity": ZERO,
        "unit_cost": None,
        "gross": gross,
        "discount": gross * Decimal(row["discount"]),
        "tax": ZERO,
        "coupon": None,
        "location_id": None,
    }


def _midnight(day: dt.date | None) -> dt.datetime | None:
    return None if day is None else dt.datetime.combine(day, dt.time(), ZONE).astimezone(dt.UTC)


def _sale(order: Row, lines: list[Row]) -> Row:
    gross, discount = total(line["gross"] for line in lines), total(line["discount"] for line in lines)
    freight = Decimal(order["freight"])
    return {
        "sale_id": str(order["order_id"]),
        "sale_type": "sale",
        "channel": "business",
        "status": "completed" if order["shipped_date"] else "confirmed",
        "customer_id": order["customer_id"],
        "location_id": None,
        "sold_at": _midnight(order["order_date"]),
        "sale_date": order["order_date"],
        "currency": "USD",
        "subtotal": gross,
        "discount": discount,
        "tax": ZERO,
        "tax_included": False,
        "shipping": freight,
        "other": ZERO,
        "total": gross - discount + freight,
        "coupons": [],
    }


def _parcel(order: Row, lines: list[Row]) -> Row:
    return {
        **dict.fromkeys(COLUMNS["parcels"]),
        "parcel_id": str(order["order_id"]),
        "sale_id": str(order["order_id"]),
        "kind": "shipment",
        "status": "shipped" if order["shipped_date"] else "pending",
        "carrier": order["company_name"].upper() if order["company_name"] else None,
        "quantity": total(line["quantity"] for line in lines),
        "created_at": _midnight(order["order_date"]),
        "promised_at": _midnight(order["required_date"]),
        "shipped_at": _midnight(order["shipped_date"]),
    }
