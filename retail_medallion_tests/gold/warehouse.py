"""A warehouse whose Silver is written row by row the way the Silver writer leaves it, and Gold runs on it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from psycopg2 import sql

from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.registry import TABLES
from retail_medallion.gold.schema import ensure_schema as ensure_gold
from retail_medallion.gold.writer import GoldWriter
from retail_medallion.model import load_model
from retail_medallion.silver.news import version_of
from retail_medallion.silver.schema import ensure_month
from retail_medallion.silver.schema import ensure_schema as ensure_silver
from retail_medallion.storage.partitioned import ALL_OF_IT, PartitionReport

MODEL = load_model()
DAY = dt.date(2026, 6, 20)
NOON = dt.datetime(2026, 6, 20, 12, tzinfo=dt.UTC)

DEFAULTS: dict[str, dict[str, Any]] = {
    "product_categories": {"category_name": "Things", "is_active": True},
    "products": {
        "product_name": "Thing",
        "product_type": "goods",
        "unit_of_measure": "EA",
        "is_active": True,
        "is_stock_tracked": True,
    },
    "inventory_locations": {"location_name": "Shop", "location_type": "store", "is_active": True},
    "suppliers": {"supplier_name": "Maker", "is_active": True},
    "customers": {"customer_type": "person", "is_guest": False, "is_active": True},
    "payment_methods": {"method_name": "Cash", "method_type": "cash", "is_online": False, "is_active": True},
    "sales": {
        "sale_type": "sale",
        "channel": "store",
        "status": "completed",
        "sold_at": NOON,
        "business_date": DAY,
        "currency_code": "EUR",
        "discount_amount": 0,
        "tax_amount": 0,
        "tax_included": False,
        "shipping_amount": 0,
        "other_amount": 0,
        "total_amount": 0,
        "is_test": False,
    },
    "sale_items": {
        "line_type": "sale",
        "quantity": 1,
        "returned_quantity": 0,
        "unit_price": 10,
        "gross_amount": 10,
        "discount_amount": 0,
        "tax_amount": 0,
        "net_amount": 10,
    },
    "transactions": {
        "transaction_type": "payment",
        "status": "succeeded",
        "amount": 10,
        "currency_code": "EUR",
        "change_amount": 0,
        "occurred_at": NOON,
        "business_date": DAY,
    },
    "coupons": {"discount_type": "percentage", "applies_to": "order", "status": "active"},
    "loyalty_transactions": {"transaction_type": "earn", "points": 10, "occurred_at": NOON, "business_date": DAY},
    "product_reviews": {
        "rating": 4,
        "rating_raw": 4,
        "rating_scale_max": 5,
        "status": "published",
        "helpful_count": 0,
        "unhelpful_count": 0,
        "submitted_at": NOON,
        "business_date": DAY,
    },
    "stock_movements": {
        "product_id": "p",
        "location_id": "l",
        "movement_type": "purchase_receipt",
        "quantity": 1,
        "occurred_at": NOON,
        "business_date": DAY,
    },
    "shopping_carts": {
        "channel": "web",
        "status": "active",
        "currency_code": "EUR",
        "created_at": NOON,
        "last_activity_at": NOON,
        "business_date": DAY,
    },
    "cart_items": {"cart_id": "c", "quantity": 1, "discount_amount": 0, "is_saved_for_later": False},
    "sale_fulfilments": {"sale_id": "s", "fulfilment_type": "shipment", "status": "pending", "created_at": NOON},
}


class Warehouse:
    """One database with Silver and Gold.

    Args:
        url: Of an empty database.
    """

    def __init__(self, url: sa.URL) -> None:
        self.engine = sa.create_engine(url, isolation_level="READ COMMITTED", pool_size=10)
        with self.engine.begin() as connection:
            ensure_silver(connection, MODEL)
            ensure_gold(connection)

    def add_source(self, source: str, timezone: str = "UTC") -> None:
        self.execute(
            "INSERT INTO silver_meta.source VALUES (%s, 'tenant', %s, %s, 'EUR', 'DE', 'de', '2026-06-01', 'v1')",
            (source, source, timezone),
        )

    def execute(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with self.engine.begin() as connection, cursor_of(connection) as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def put(self, source: str, entity: str, id_: str, day: dt.date = DAY, **values: Any) -> None:
        """Write a key's current row, its version of the day, and what becomes pending."""
        with self.engine.begin() as connection:
            write_silver(connection, source, entity, id_, day, values)

    def drop(self, source: str, entity: str, id_: str, day: dt.date = DAY) -> None:
        """Withdraw a key from Silver, as when a partition comes again without it."""
        with self.engine.begin() as connection:
            write_silver(connection, source, entity, id_, day, None)

    def partition(self, source: str, entity: str, day: dt.date, **values: Any) -> None:
        """Write down a Silver partition as loaded, with the counts it is given."""
        counts = dict.fromkeys(("rows_read", "filtered", "mapped", "accepted", "rejected", "superseded"), 0)
        row = {
            "source_system": source,
            "entity": entity,
            "partition_date": day,
            "load_id": "00000000-0000-0000-0000-000000000000",
            "mode": "changed",
            "observed": True,
            **counts,
            "rejections": "{}",
            "warnings": "{}",
            "control_totals": "{}",
            **values,
        }
        with self.engine.begin() as connection, cursor_of(connection) as cursor:
            _insert(cursor, sql.Identifier("silver_meta", "partition_state"), row)

    def horizon(self, source: str, day: dt.date) -> None:
        """Have the source delivered whole up to the day before, by all it ever loaded: one entity."""
        self.execute("DELETE FROM silver_meta.partition_state WHERE source_system = %s", (source,))
        self.partition(source, "sales", day - dt.timedelta(days=1))

    def run(self, table: str, source: str, day: dt.date = DAY) -> PartitionReport:
        """Write a partition of a Gold table as the IO manager does."""
        with self.writing(table, source, day) as report:
            return report

    @contextmanager
    def writing(self, table: str, source: str, day: dt.date = DAY) -> Iterator[PartitionReport]:
        """The same, leaving the transaction open for the body."""
        writer = GoldWriter(table, source)
        partition = ALL_OF_IT if TABLES[table].is_whole else day.isoformat()
        with self.engine.begin() as connection:
            for name in sorted(writer.locks(partition)):
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
            yield writer.write(connection, partition)

    def run_all(self, source: str, day: dt.date = DAY) -> dict[str, PartitionReport]:
        return {table: self.run(table, source, day) for table in TABLES}

    def rows(self, table: str, source: str) -> list[dict[str, Any]]:
        """Rows of a Gold table that belong to a source."""
        if "source_key" in TABLES[table].column_names and table != "dim_source":
            where = "source_key = gold.member_key('sources', %s, %s)"
            parameters: tuple[str, ...] = (source, source)
        else:
            where, parameters = "source_system = %s", (source,)
        with self.engine.begin() as connection, cursor_of(connection) as cursor:
            statement = sql.SQL("SELECT * FROM {} WHERE {}").format(sql.Identifier("gold", table), sql.SQL(where))
            cursor.execute(statement, parameters)
            columns = [column.name for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    def pending(self, source: str) -> set[tuple[str, str, str]]:
        """What Gold has not taken up; others use the queue too."""
        return {
            (c, r, i)
            for c, r, i in self.execute(
                "SELECT consumer, role, id FROM meta.pending WHERE source_system = %s", (source,)
            )
            if c in TABLES
        }


def write_silver(
    connection: sa.Connection, source: str, entity: str, id_: str, day: dt.date, values: dict[str, Any] | None
) -> None:
    """Replace one current row and its version, and insert pending keys of both images and of a history that changed."""
    model = MODEL.entity(entity)
    ensure_month(connection, model, day)
    current, versions = sql.Identifier("silver", entity), sql.Identifier("silver_versions", entity)
    key = sql.Identifier(model.key)
    links = [model.key, *(c.name for c in model if c.references and not c.type.endswith("[]"))]
    with cursor_of(connection) as cursor:
        image = sql.SQL("SELECT {} FROM {} WHERE source_system = %s AND {} = %s").format(
            sql.SQL(", ").join(map(sql.Identifier, links)), current, key
        )
        cursor.execute(image, (source, id_))
        images = cursor.fetchall()
        known = _state_as_of(cursor, versions, model.key, source, id_, day)
        delete = sql.SQL("DELETE FROM {} WHERE source_system = %s AND {} = %s").format(current, key)
        cursor.execute(delete, (source, id_))
        delete = sql.SQL("DELETE FROM {} WHERE source_system = %s AND {} = %s AND partition_date = %s").format(
            versions, key
        )
        cursor.execute(delete, (source, id_, day))
        if values is not None:
            row = {"source_system": source, model.key: id_, "is_deleted": False, **DEFAULTS[entity], **values}
            row |= {
                "load_id": "00000000-0000-0000-0000-000000000000",
                "bronze_row": 0,
                "ingested_at": NOON,
                "dq_flags": [],
                "record_hash": hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:32],
            }
            _insert(cursor, current, {**row, "winner_partition": day, "effective_partition": day})
            _insert(cursor, versions, {**row, "partition_date": day, "op": "U"})
        cursor.execute(image, (source, id_))
        images += cursor.fetchall()
        roles = {
            (role, value) for image_ in images for role, value in zip(links, image_, strict=True) if value is not None
        }
        if _state_as_of(cursor, versions, model.key, source, id_, day) != known:
            roles.add((version_of(model.key), id_))
        for role, value in sorted(roles):
            cursor.execute(
                "INSERT INTO meta.pending (consumer, source_system, role, id)"
                " SELECT consumer, %(s)s, role, %(id)s FROM meta.consumer"
                " WHERE entity = %(e)s AND role = %(r)s ORDER BY 1"
                " ON CONFLICT (consumer, source_system, role, id) DO UPDATE SET seq = nextval('meta.pending_seq')",
                {"s": source, "id": value, "e": entity, "r": role},
            )


def _state_as_of(
    cursor: Any, versions: sql.Identifier, key: str, source: str, id_: str, day: dt.date
) -> tuple[Any, ...] | None:
    """The hash of the state a key had at the end of a day."""
    latest = sql.SQL(
        "SELECT record_hash FROM {} WHERE source_system = %s AND {} = %s AND partition_date <= %s AND op = 'U'"
        " ORDER BY partition_date DESC LIMIT 1"
    ).format(versions, sql.Identifier(key))
    cursor.execute(latest, (source, id_, day))
    found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def _insert(cursor: Any, table: sql.Identifier, row: dict[str, Any]) -> None:
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            table, sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join([sql.Placeholder()] * len(row))
        ),
        list(row.values()),
    )
