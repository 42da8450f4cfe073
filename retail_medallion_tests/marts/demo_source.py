"""The business of the demo retailer, read from the tables of its application database."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from decimal import Decimal

from psycopg2 import sql
from psycopg2.extensions import connection
from psycopg2.extras import RealDictCursor, register_default_jsonb

from retail_medallion.demo.faults import FAULTS
from retail_medallion.demo.generator import planted_keys
from retail_medallion_tests.marts import demo_rows
from retail_medallion_tests.marts.frames import COLUMNS, Retailer, Row, frame


def demo_retailer(database: connection, *, first_day: dt.date, horizon: dt.date) -> Retailer:
    """The demo retailer as it was at the beginning of the horizon.

    Args:
        database: To the database with schema `shop`; its transaction is used and left open.
        first_day: First partition of the source.
        horizon: The day after the last loaded partition.
    """
    return _Reading(database, horizon).retailer(first_day)


def read(database: connection, table: str) -> list[Row]:
    """All rows of a table of the shop, exactly."""
    with database.cursor(cursor_factory=RealDictCursor) as cursor:
        register_default_jsonb(cursor, loads=lambda document: json.loads(document, parse_float=Decimal))
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        cursor.execute(sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier("shop", table)))
        return [dict(row) for row in cursor.fetchall()]


def changed_at(order: Row) -> dt.datetime:
    """When an order or a line of it last changed."""
    return max(order["updated_at"], order["lines_touched_at"])


def _updated_at(row: Row) -> dt.datetime:
    changed: dt.datetime = row["updated_at"]
    return changed


class _Reading:
    def __init__(self, database: connection, horizon: dt.date) -> None:
        self._database = database
        self._horizon = horizon
        keys = planted_keys(database)
        self._rejected: dict[str, set[str]] = {}
        for name, fault in FAULTS.items():
            if fault.severity == "reject":
                self._rejected.setdefault(fault.entity, set()).update(keys[name])

    def retailer(self, first_day: dt.date) -> Retailer:
        orders = self._read("orders", changed_at)
        portal = self._read("market_orders")
        # What the stores use up themselves is not sold.
        orders = [o for o in orders if o["channel"] != "intern"]
        known = [demo_rows.order(o) for o in orders if not o["voided_at"]]
        known += [demo_rows.portal_order(o) for o in portal if not o["voided_at"]]
        training = {str(o["id"]) for o in orders if o["training"]} - self._rejected["sales"]
        counted = {s["sale_id"]: s for s in self._valid("sales", known, "sale_id") if s["sale_id"] not in training}
        lines = [demo_rows.line(line) for line in self._read("order_lines", None)]
        lines += [line for order in portal for line in demo_rows.portal_lines(order).values()]
        # Lines of an order the platform rejects are lines all the same.
        there = {sale["sale_id"] for sale in known}
        lines = [line for line in self._valid("sale_items", lines, "line_id") if line["sale_id"] in there]
        payments = [demo_rows.payment(p) for p in self._read("payments", lambda p: p["recorded_at"])]
        payments += [demo_rows.portal_payment(o) for o in portal if o["doc"]["payment"] and not o["voided_at"]]
        moves = self._read("stock_moves", lambda m: m["recorded_at"])
        movements = [*map(demo_rows.movement, moves), *(demo_rows.arrival(m) for m in moves if m["reason"] == "UM")]
        parcels = [demo_rows.parcel(p) for p in self._read("parcels")]
        rows: dict[str, Iterable[Row]] = {
            "customers": self._valid("customers", map(demo_rows.client, self._read("clients")), "customer_id"),
            "sales": counted.values(),
            "lines": lines,
            "payments": [
                p for p in self._valid("transactions", payments, "payment_id") if p["sale_id"] not in training
            ],
            "movements": self._valid("stock_movements", movements, "movement_id"),
            "carts": self._valid("shopping_carts", map(demo_rows.basket, self._read("baskets")), "cart_id"),
            "cart_lines": self._valid(
                "cart_items", map(demo_rows.basket_line, self._read("basket_lines", None)), "cart_line_id"
            ),
            "parcels": [
                p for p in self._valid("sale_fulfilments", parcels, "parcel_id") if p["sale_id"] not in training
            ],
            "reviews": self._valid("product_reviews", map(demo_rows.opinion, self._read("opinions")), "review_id"),
        }
        frames = {name: frame(rows[name], columns) for name, columns in COLUMNS.items()}
        return Retailer("demo", demo_rows.ZONE, first_day, self._horizon, frames)

    def _read(self, table: str, changed: Callable[[Row], dt.datetime] | None = _updated_at) -> list[Row]:
        """The rows of a table that were as they are before the horizon."""
        midnight = dt.datetime.combine(self._horizon, dt.time(), dt.UTC)
        return [row for row in read(self._database, table) if changed is None or changed(row) < midnight]

    def _valid(self, entity: str, rows: Iterable[Row], key: str) -> list[Row]:
        """Without what was spoiled so that it is rejected."""
        rejected = self._rejected.get(entity, set())
        return [row for row in rows if row[key] not in rejected]
