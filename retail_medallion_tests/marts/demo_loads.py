"""What each day brings of each entity of the demo retailer, counted in its own tables."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from psycopg2.extensions import connection

from retail_medallion.demo.faults import FAULTS
from retail_medallion.demo.generator import planted_keys
from retail_medallion_tests.marts.demo_source import changed_at, read
from retail_medallion_tests.marts.frames import Row

WHOLE = {"product_categories": "article_groups", "inventory_locations": "sites", "payment_methods": "tenders"}
"""Tables that are read whole, and only on the last day of a range: nobody knows what they held before."""
ROW_BY_ROW = {
    "products": ("articles", "updated_at"),
    "suppliers": ("vendors", "updated_at"),
    "customers": ("clients", "updated_at"),
    "coupons": ("vouchers", "updated_at"),
    "loyalty_transactions": ("club_ledger", "recorded_at"),
    "shopping_carts": ("baskets", "updated_at"),
    "sale_fulfilments": ("parcels", "updated_at"),
    "product_reviews": ("opinions", "updated_at"),
}
ENTITIES = (*WHOLE, *ROW_BY_ROW, "sales", "sale_items", "transactions", "stock_movements", "cart_items")


@dataclass(frozen=True)
class Read:
    """One row that is read.

    Attributes:
        entity: What it becomes rows of.
        at: When the source last changed it; None for one of a table read whole.
        keys: Keys of the rows it becomes; none if it is left out.
        is_left_out: The mapping does not want it.
    """

    entity: str
    at: dt.datetime | None
    keys: list[str] = field(default_factory=list)
    is_left_out: bool = False


def loads(database: connection, *, first_day: dt.date, horizon: dt.date) -> list[Row]:
    """Rows read, left out, accepted, rejected and superseded, per entity and day."""
    rules: dict[tuple[str, str], set[str]] = defaultdict(set)
    keys = planted_keys(database)
    for name, fault in FAULTS.items():
        if fault.severity == "reject":
            for key in keys[name]:
                rules[fault.entity, key].add(fault.rule)
    reads: dict[tuple[dt.date, str], list[Read]] = defaultdict(list)
    last = horizon - dt.timedelta(days=1)
    for row in _reads(database):
        # What the source knew before its first partition came with it.
        day = last if row.at is None else max(row.at.astimezone(dt.UTC).date(), first_day)
        reads[day, row.entity].append(row)
    days = [first_day + dt.timedelta(days=n) for n in range((horizon - first_day).days)]
    made = []
    for day in days:
        for entity in ENTITIES:
            of_day = reads[day, entity]
            mapped = [key for row in of_day for key in row.keys]
            rejected = [key for key in mapped if (entity, key) in rules]
            made.append(
                {
                    "partition_date": day,
                    "entity": entity,
                    "rows_read": len(of_day),
                    "filtered": sum(row.is_left_out for row in of_day),
                    "accepted": len(set(mapped)) - len(rejected),
                    "rejected": len(rejected),
                    "superseded": len(mapped) - len(set(mapped)),
                    "rejections": dict(Counter(rule for key in rejected for rule in rules[entity, key])),
                    "days_behind": 0,
                }
            )
    return made


def _reads(database: connection) -> Iterator[Read]:
    for entity, table in WHOLE.items():
        for row in read(database, table):
            yield Read(entity, None, [str(row["code" if table == "tenders" else "id"])])
    for entity, (table, changed) in ROW_BY_ROW.items():
        for row in read(database, table):
            yield Read(entity, row[changed], [str(row["id"])])
    yield from _of_orders(database)
    yield from _of_portals(database)
    for row in read(database, "payments"):
        yield Read("transactions", row["recorded_at"], [str(row["id"])])
    for row in read(database, "stock_moves"):
        is_transfer = row["reason"] == "UM"
        yield Read("stock_movements", row["recorded_at"], [f"{row['id']}/out" if is_transfer else str(row["id"])])
        if is_transfer:
            yield Read("stock_movements", row["recorded_at"], [f"{row['id']}/in"])
    lines = _lines(database, "basket_lines", "basket_id")
    for row in read(database, "baskets"):
        for wanted in _one_by_one(lines[row["id"]]):
            yield Read("cart_items", row["updated_at"], wanted, is_left_out=not wanted)


def _of_orders(database: connection) -> Iterator[Read]:
    lines = _lines(database, "order_lines", "order_id")
    for row in read(database, "orders"):
        internal = row["channel"] == "intern"
        yield Read("sales", changed_at(row), [] if internal else [str(row["id"])], is_left_out=internal)
        for line in _one_by_one(lines[row["id"]]):
            wanted = [] if internal else line
            yield Read("sale_items", changed_at(row), wanted, is_left_out=not wanted)


def _of_portals(database: connection) -> Iterator[Read]:
    for row in read(database, "market_orders"):
        key = f"M:{row['id']}"
        yield Read("sales", row["updated_at"], [key])
        yield Read("sale_items", row["updated_at"], [f"{key}#{line['lineId']}" for line in row["doc"]["lines"]])
        paid = bool(row["doc"]["payment"])
        yield Read("transactions", row["updated_at"], [key] if paid else [], is_left_out=not paid)


def _one_by_one(lines: list[str]) -> list[list[str]]:
    """Each line; a document without any is read as a row that names the document only."""
    return [[line] for line in lines] or [[]]


def _lines(database: connection, table: str, document: str) -> dict[object, list[str]]:
    made: dict[object, list[str]] = defaultdict(list)
    for row in read(database, table):
        made[row[document]].append(str(row["id"]))
    return made
