"""The table of staged rows: all mapped rows of a partition, with what became of each and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retail_medallion.model import Entity
from retail_medallion.model.canonical import TECHNICAL_COLUMNS
from retail_medallion.silver.hashing import record_hash
from retail_medallion.silver.pile import any_of, select
from retail_medallion.silver.quarantine import HIDDEN
from retail_medallion.silver.rules import Fired
from retail_medallion.silver.standardisers.base import literal, quoted


def duckdb_type(postgres_type: str) -> str:
    """The DuckDB type that holds values of a PostgreSQL type of the model."""
    exact = {
        "boolean": "BOOLEAN",
        "date": "DATE",
        "integer": "INTEGER",
        "jsonb": "VARCHAR",
        "text[]": "VARCHAR[]",
        "timestamptz": "TIMESTAMPTZ",
        "uuid": "BLOB",
    }
    if postgres_type.startswith("numeric"):
        return postgres_type.replace("numeric", "DECIMAL")
    return exact.get(postgres_type, "VARCHAR")


def staged_columns(entity: Entity) -> dict[str, str]:
    """Columns of the staged rows, with their DuckDB types."""
    return {
        "block": "INTEGER",
        "bronze_row": "BIGINT",
        "ingested_at": "TIMESTAMPTZ",
        "source_key": "VARCHAR",
        **{column.name: duckdb_type(column.type) for column in entity},
        **{name: duckdb_type(type_) for name, type_ in TECHNICAL_COLUMNS.items()},
        "op": "VARCHAR",
        "record_hash": "BLOB",
        "dq_flags": "VARCHAR[]",
        "refused": "BOOLEAN",
        "masked": "BOOLEAN",
        "reasons": "VARCHAR",
        "mapped": "VARCHAR",
    }


def strict_value(name: str) -> str:
    """The value of a column that its strict code map refused."""
    return f"strict_values[list_position(unmapped_strict, {literal(name)})]"


def _hidden(value: str) -> str:
    return f"CASE WHEN {value} IS NOT NULL THEN {literal(HIDDEN)} END"


@dataclass(frozen=True)
class StagedRows:
    """Writes the uppermost SELECT of a block, whose columns are `staged_columns`.

    Args:
        entity: The entity the block feeds.
        index: Position of the block among the entity's blocks.
        op: What its rows are: states, tombstones or proofs of presence.
        types: DuckDB types of the mapped values.
        fired: All checks; their flags and `r:reject`, `r:warn` are columns below.
    """

    entity: Entity
    index: int
    op: str
    types: Mapping[str, str]
    fired: Sequence[Fired]

    def over(self, below: str) -> str:
        """The SELECT over cleaned and checked rows."""
        refusing = [f for f in self.fired if f.severity == "reject"]
        warned: dict[str, list[str]] = {}
        for f in self.fired:
            if f.severity == "warn":
                warned.setdefault(f.rule, []).append(f.flag)
        flags = ", ".join(f"CASE WHEN {any_of(warned[rule])} THEN {literal(rule)} END" for rule in sorted(warned))
        kept = "list_filter([{}], lambda x: x IS NOT NULL)"
        reasons = ", ".join(f"CASE WHEN {quoted(f.flag)} THEN {self._reason(f)} END" for f in refusing)
        mapped = ", ".join(f"{quoted(name)} := {self._as_mapped(name)}" for name in (self.entity.key, *self.types))
        card = any_of([f.flag for f in refusing if f.rule == "G11"])
        as_json = f"CAST(to_json(struct_pack({mapped})) AS VARCHAR)"
        columns = {
            "block": str(self.index),
            "bronze_row": "bronze_row",
            "ingested_at": "ingested_at",
            "source_key": f"CASE WHEN {card} THEN mask_card_numbers(source_key) ELSE source_key END",
            **{name: quoted(name) for name in (*self.entity.columns, *TECHNICAL_COLUMNS)},
            "op": literal(self.op),
            "record_hash": record_hash(self.entity),
            "dq_flags": f"CASE WHEN {quoted('r:warn')} THEN {kept.format(flags)} ELSE [] END" if flags else "[]",
            "refused": quoted("r:reject"),
            "masked": card,
            "reasons": f"CASE WHEN {quoted('r:reject')} THEN CAST(to_json({kept.format(reasons)}) AS VARCHAR) END",
            "mapped": f"CASE WHEN {quoted('r:reject')} THEN CASE WHEN {card} THEN mask_card_numbers({as_json})"
            f" ELSE {as_json} END END",
        }
        chosen = ", ".join(
            f"CAST({expression} AS {type_}) AS {quoted(name)}"
            for (name, type_), expression in zip(staged_columns(self.entity).items(), columns.values(), strict=True)
        )
        return select(chosen, below)

    def _as_mapped(self, name: str) -> str:
        mapped = quoted(f"m:{name}")
        if name in self.entity.tokens:
            return _hidden(mapped)
        return mapped if self.types.get(name, "").endswith("[]") else f"CAST({mapped} AS VARCHAR)"

    def _reason(self, fired: Fired) -> str:
        known = fired.column in self.types or fired.column == self.entity.key
        value = f"CAST({quoted(f'm:{fired.column}')} AS VARCHAR)" if known else "CAST(NULL AS VARCHAR)"
        column = self.entity.columns.get(fired.column)
        if fired.flag.endswith(":unmapped_strict"):
            hidden = column is not None and column.pii and not column.card_guard
            value = literal(HIDDEN) if hidden else strict_value(fired.column)
        if fired.rule == "G11":
            value = f"mask_card_numbers(coalesce({value}, {strict_value(fired.column)}))"
        elif column is not None and column.card_guard:
            value = f"mask_card_numbers({value})"
        if fired.column in self.entity.tokens:
            value = _hidden(value)
        return (
            f"{{'rule': {literal(fired.rule)}, 'column': {literal(fired.column)}, 'value': {value},"
            f" 'message': {literal(fired.message)}}}"
        )
