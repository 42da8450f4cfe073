"""What Gold makes of Silver: its columns, their types and keys, and what each is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.lineage import column_lineage
from retail_medallion.gold.registry import TABLES
from retail_medallion.workbook.contents import names
from retail_medallion.workbook.sheets import Column, Sheet, Value, rows_of

COLUMNS = (
    Column("Gold table", 28, mono=True),
    Column("column", 28, mono=True),
    Column("type", 16, mono=True),
    Column("nullable", 9),
    Column("key", 20, wrap=True, note="PK, or the table a foreign key points at."),
    Column("meaning", 46, wrap=True),
    Column("computed from", 46, wrap=True, mono=True),
    Column("kind", 12),
    Column("SCD type", 9, note="1: the last state. 2: all states with their periods."),
    Column("driving entities", 34, wrap=True, note="A change of these has the row computed again."),
    Column("grain", 40, wrap=True),
    Column("question", 40, wrap=True, note="A business question the table answers."),
)


@dataclass(frozen=True)
class GoldTargets:
    """Silver (entity, column) to the Gold columns made of it."""

    targets: Mapping[tuple[str, str], tuple[str, ...]]

    def of(self, entity: str, column: str) -> tuple[str, ...]:
        """`table.column` of every Gold column made of a column of Silver."""
        return self.targets.get((entity, column), ())


def gold_targets() -> GoldTargets:
    """Read the lineage of all Gold tables the other way round."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in TABLES:
        for column, origins in column_lineage(name).items():
            for origin in origins:
                if origin.schema in {"silver", "silver_versions"}:
                    found.setdefault((origin.table, origin.column), []).append(f"{name}.{column}")
    return GoldTargets({key: tuple(sorted(set(targets))) for key, targets in found.items()})


def gold_sheet() -> Sheet:
    """Every column of every Gold table."""
    values: list[tuple[Value, ...]] = []
    for table in TABLES.values():
        lineage = column_lineage(table.name)
        drivers = ", ".join(dict.fromkeys(consumed.entity for consumed in table.consumes))
        for column in table.columns:
            key = "PK" if column.name in table.primary_key else ""
            if column.references:
                key = f"{key} -> {column.references}".strip()
            origins = sorted({f"{o.schema}.{o.table}.{o.column}" for o in lineage.get(column.name, ())})
            values.append(
                (
                    table.name,
                    column.name,
                    column.type,
                    "yes" if column.nullable else "no",
                    key,
                    column.meaning,
                    "\n".join(origins),
                    table.kind,
                    scd_type(table),
                    drivers,
                    table.grain,
                    table.question,
                )
            )
    return Sheet(
        names.GOLD,
        "The tables the business reads. They are the same for every source.",
        COLUMNS,
        rows_of(COLUMNS, ("Gold table", "column"), values),
        frozen=2,
        group="gold",
        key=("Gold table", "column"),
    )


def scd_type(table: GoldTable) -> int | None:
    """How a dimension keeps what was; None for what is none."""
    return {"dimension": 1, "history": 2}.get(table.kind)
