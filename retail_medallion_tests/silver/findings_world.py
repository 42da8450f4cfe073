"""A Silver database that findings are looked for in, written through the Silver writer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from retail_medallion.model import Entity, load_model
from retail_medallion.silver.findings import FindingChanges, differing_findings, recompute_all, refresh_findings
from retail_medallion.silver.schema import ensure_schema
from retail_medallion.silver.writer import SilverWriter
from retail_medallion_tests.silver.cells import cell

MODEL = load_model()
ENTITIES = frozenset(MODEL.entities)
DAY = dt.date(2026, 6, 20)
NOON = dt.datetime(2026, 6, 20, 12, tzinfo=dt.UTC)

PLAIN: dict[str, Any] = {
    "text": "x",
    "boolean": False,
    "integer": 1,
    "date": DAY,
    "timestamptz": NOON,
    "char(3)": "EUR",
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "products": {"product_type": "goods", "is_active": True, "category_id": "c", "cost_price": 1},
    "inventory_locations": {"is_active": True},
    "suppliers": {"is_active": True},
    "payment_methods": {"is_active": True},
    "sales": {"sale_type": "sale", "channel": "store", "status": "completed", "total_amount": 0},
    "sale_items": {"line_type": "sale", "quantity": 1, "gross_amount": 10, "unit_price": 10, "net_amount": 10},
    "transactions": {"transaction_type": "payment", "status": "succeeded", "amount": 10},
    "stock_movements": {"product_id": "p", "location_id": "l", "movement_type": "purchase_receipt", "quantity": 1},
    "loyalty_transactions": {"transaction_type": "earn", "points": 1},
    "shopping_carts": {"status": "active"},
    "cart_items": {"quantity": 1},
    "sale_fulfilments": {"status": "delivered"},
    "product_reviews": {"rating": 5, "rating_raw": 5, "rating_scale_max": 5},
}


def row_of(entity: Entity, values: Mapping[str, Any]) -> dict[str, Any]:
    """A whole row from what a test names of it."""
    if values.get("op", "U") != "U":
        return dict(values)
    row: dict[str, Any] = {}
    for column in entity:
        value = values.get(column.name, DEFAULTS.get(entity.entity, {}).get(column.name))
        if value is None and column.required:
            value = PLAIN.get(column.type, 0)
        if value is not None and column.type.startswith("numeric"):
            scale = int(column.type.rstrip(")").split(",")[1])
            value = Decimal(str(value)).quantize(Decimal(1).scaleb(-scale))
        row[column.name] = value
    technical = {name: value for name, value in values.items() if name not in row}
    return {**row, **technical}


class World:
    """One database; every source in it is a world of its own.

    Args:
        url: Of an empty database.
    """

    def __init__(self, url: sa.URL) -> None:
        self.engine = sa.create_engine(url, isolation_level="READ COMMITTED", pool_size=4)
        with self.engine.begin() as connection:
            ensure_schema(connection, MODEL)

    def write(
        self,
        source: str,
        entity: str,
        rows: Sequence[Mapping[str, Any]],
        day: dt.date = DAY,
        scopes: Sequence[str] = (),
    ) -> None:
        """Replace a day of an entity."""
        declared = MODEL.entity(entity)
        partition = cell(declared, day, [row_of(declared, row) for row in rows], scopes)
        writer = SilverWriter(
            declared,
            source,
            mapping_version="1",
            model_version="1",
            open_partition=lambda _: partition,
            run_id="r",
        )
        with self.engine.begin() as connection:
            writer.write(connection, day.isoformat())

    def refresh(self, source: str, entities: Collection[str] = ENTITIES) -> FindingChanges:
        with self.engine.begin() as connection:
            return refresh_findings(connection, source, MODEL, entities)

    def differing(self, source: str, entities: Collection[str] = ENTITIES) -> int:
        with self.engine.begin() as connection:
            return differing_findings(connection, source, MODEL, entities)

    def recomputed(self, source: str) -> set[tuple[Any, ...]]:
        with self.engine.begin() as connection:
            return recompute_all(connection, source, MODEL, ENTITIES)

    def rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), parameters)]

    def found(self, source: str) -> set[tuple[str, str]]:
        """(rule, id) of every stored finding of the source."""
        found = self.rows("SELECT rule, id FROM silver_meta.finding WHERE source_system = :source", source=source)
        return {(rule, key) for rule, key in found}

    def clear(self) -> None:
        names = ", ".join(f"silver.{name}, silver_versions.{name}" for name in sorted(ENTITIES))
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(
                    f"TRUNCATE {names}, silver_meta.partition_state, silver_meta.load, silver_meta.load_run,"
                    " silver_meta.scope_seen, silver_quarantine.rejected_row, meta.pending, silver_meta.finding,"
                    " silver_meta.finding_rule"
                )
            )
