"""What some rules have to find, said again in plain Python over the rows of each day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from retail_medallion_tests.silver.findings_world import MODEL

Row = Mapping[str, Any]
Record = Mapping[str, Mapping[dt.date, Iterable[Row]]]
"""Entity to day to the rows the day holds."""

REFERENCES = {
    "sales": {"customer_id": "customers", "original_sale_id": "sales", "coupon_ids": "coupons"},
    "sale_items": {"sale_id": "sales", "product_id": "products", "original_sale_item_id": "sale_items"},
    "loyalty_transactions": {"customer_id": "customers"},
}
DISTINCT = {"products": ["sku"], "customers": ["email"]}
COUNTED = {"count", "opening_balance"}


def current(record: Record, entity: str) -> dict[str, Row]:
    """The newest row of every key, deleted ones too."""
    rows: dict[str, Row] = {}
    for _, of_day in sorted(record.get(entity, {}).items()):
        rows |= {row[MODEL.entity(entity).key]: row for row in of_day}
    return rows


def findings(record: Record) -> set[tuple[str, str]]:
    """(rule, id) of everything the rules here have to find."""
    known = {entity: current(record, entity) for entity in MODEL.entities}
    live = {
        entity: {key: row for key, row in rows.items() if not row.get("is_deleted")} for entity, rows in known.items()
    }
    found = set()
    for entity, links in REFERENCES.items():
        for column, target in links.items():
            for key, row in live[entity].items():
                value = row.get(column)
                named = value if isinstance(value, list) else [value] if value is not None else []
                if set(named) - known[target].keys():
                    found.add((f"G08.{entity}.{column}", key))
    for entity, columns in DISTINCT.items():
        for column in columns:
            for key, row in live[entity].items():
                fellows = [other for other in live[entity].values() if other.get(column) == row.get(column)]
                if row.get(column) is not None and len(fellows) > 1:
                    found.add((f"G09.{entity}.{column}", key))
    found |= {("sales.items_do_not_add_up", key) for key in _unbalanced(live)}
    found |= {("loyalty_transactions.balance_below_zero", key) for key in _overdrawn(live)}
    found |= {("stock_movements.stock_below_zero", key) for key in _negative(live)}
    return found


def _unbalanced(live: Mapping[str, Mapping[str, Row]]) -> Iterable[str]:
    for key, sale in live["sales"].items():
        lines = [line for line in live["sale_items"].values() if line["sale_id"] == key]
        signed = [Decimal(line["gross_amount"]) * (-1 if line["line_type"] == "return" else 1) for line in lines]
        if lines and abs(sum(signed) - sale["subtotal_amount"]) > Decimal("0.01") * (len(lines) + 1):
            yield key


def _overdrawn(live: Mapping[str, Mapping[str, Row]]) -> Iterable[str]:
    accounts: dict[tuple[Any, Any], list[tuple[dt.datetime, str, int]]] = {}
    for key, row in live["loyalty_transactions"].items():
        account = (row["loyalty_account_id"], None if row["loyalty_account_id"] else row["customer_id"])
        accounts.setdefault(account, []).append((row["occurred_at"], key, row["points"]))
    for story in accounts.values():
        balance = 0
        for _, key, points in sorted(story):
            balance += points
            if balance < 0:
                yield key
                break


def _negative(live: Mapping[str, Mapping[str, Row]]) -> Iterable[str]:
    places: dict[tuple[str, str], list[tuple[dt.date, dt.datetime, str, Row]]] = {}
    for key, row in live["stock_movements"].items():
        story = places.setdefault((row["product_id"], row["location_id"]), [])
        story.append((row["business_date"], row["occurred_at"], key, row))
    for story in places.values():
        on_hand = 0
        end_of_day: dict[dt.date, tuple[str, int]] = {}
        for day, _, key, row in sorted(story, key=lambda step: step[:3]):
            on_hand = row["quantity"] if row["movement_type"] in COUNTED else on_hand + row["quantity"]
            end_of_day[day] = (key, on_hand)
        yield from [key for _, (key, left) in sorted(end_of_day.items()) if left < 0][:1]
