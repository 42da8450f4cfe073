"""Random days of one entity, and a warehouse to write them into."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from retail_medallion.model import CanonicalModel, load_model
from retail_medallion.silver.schema import ensure_schema
from retail_medallion.silver.writer import SilverWriter
from retail_medallion_tests.silver.cells import cell

MODEL = load_model()
ITEMS = MODEL.entity("sale_items")
DAYS = [dt.date(2026, 5, 29) + dt.timedelta(days=n) for n in range(5)]
_SOLD = {
    "line_type": "sale",
    "returned_quantity": Decimal("0.000"),
    "unit_price": Decimal("1.0000"),
    "gross_amount": Decimal("1.0000"),
    "discount_amount": Decimal("0.0000"),
    "tax_amount": Decimal("0.0000"),
    "net_amount": Decimal("1.0000"),
}
# A hand-made rejected row of a cell has the key "0".
KEYS = ("0", "1", "2")


def line(key: str, sale: str = "A", quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {
        **_SOLD,
        "sale_item_id": key,
        "sale_id": sale,
        "quantity": Decimal(quantity).quantize(Decimal("0.001")),
        **more,
    }


@dataclass
class Day:
    """What one day says: per key an operation with a sale and a quantity, what it covered, whether "0" was refused."""

    said: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    refused: bool = False

    def rows(self) -> list[dict[str, Any]]:
        return [
            line(key, sale, quantity) if op == "U" else {"sale_item_id": key, "op": op}
            for key, (op, sale, quantity) in self.said.items()
        ]


def random_days(seed: int) -> dict[dt.date, Day]:
    dice = random.Random(seed)  # noqa: S311 reproducible examples
    found = {}
    for day in DAYS:
        said = {
            key: (dice.choice("UUUDPP"), dice.choice("AB"), dice.randint(1, 9)) for key in KEYS if dice.random() < 0.6
        }
        scopes = frozenset(scope for scope in ("*", "A", "B") if dice.random() < 0.3)
        found[day] = Day(said, scopes, dice.random() < 0.2)
    return found


def alive(days: dict[dt.date, Day], key: str, at: dt.date) -> tuple[dt.date, str, int] | None:
    """The version of a key that holds at the end of a day, from the definition alone; None where it is not there."""
    known = {day: content for day, content in days.items() if day <= at}
    said = {day: content.said[key] for day, content in known.items() if key in content.said}
    updates = [day for day, (op, _, _) in said.items() if op == "U"]
    if not updates or any(op == "D" and day > max(updates) for day, (op, _, _) in said.items()):
        return None
    _, sale, quantity = said[max(updates)]
    sightings = [day for day, (op, _, _) in said.items() if op in "UP"]
    sightings += [day for day, content in known.items() if content.refused and key == "0"]
    if any(day > max(sightings) and content.scopes & {"*", sale} for day, content in known.items()):
        return None
    return max(updates), sale, quantity


class Warehouse:
    """Silver alone."""

    def __init__(self, engine: sa.Engine, model: CanonicalModel = MODEL, *, create: bool = True) -> None:
        self.engine = engine
        self.model = model
        if create:
            with engine.begin() as connection:
                ensure_schema(connection, model)

    def clear(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "TRUNCATE silver.sale_items, silver_versions.sale_items, silver_meta.partition_state,"
                    " silver_meta.load, silver_meta.load_run, silver_meta.scope_seen,"
                    " silver_quarantine.rejected_row, meta.pending"
                )
            )

    def write(self, day: dt.date, content: Day, source: str = "a", *, model_version: str = "1", **more: Any) -> None:
        """Write a day; `more` stands in every row it updates."""
        entity = self.model.entity("sale_items")
        rows = [{**row, **more} if "op" not in row else row for row in content.rows()]
        partition = cell(entity, day, rows, sorted(content.scopes), rejected=int(content.refused))
        writer = SilverWriter(
            entity,
            source,
            mapping_version="1",
            model_version=model_version,
            open_partition=lambda _: partition,
            run_id="r",
        )
        with self.engine.begin() as connection:
            writer.write(connection, day.isoformat())

    def write_all(self, days: dict[dt.date, Day], source: str = "a", *, order: Iterable[dt.date] | None = None) -> None:
        for day in order or days:
            self.write(day, days[day], source)

    def rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), parameters)]
