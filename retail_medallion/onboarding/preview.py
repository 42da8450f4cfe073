"""Some rows of a source as they become Silver, side by side, without loading anything.

Personal data is hidden unless it is asked for: the columns the model calls personal, the source columns they are made
of, and free texts made of the same source columns. Card numbers and e-mail addresses are hidden wherever they stand.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from retail_medallion.bronze.block import EXTRACTED_AT
from retail_medallion.bronze.windows import window_of
from retail_medallion.mapping import Block, CompiledBlock, Mapping, compile_block
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.onboarding.source import Source, schema_of
from retail_medallion.silver.bronze_rows import BronzeInput
from retail_medallion.silver.quarantine import HIDDEN, raw_json
from retail_medallion.silver.standardisers.cards import mask_card_numbers
from retail_medallion.silver.standardisers.contacts import mask_contacts
from retail_medallion.silver.transform import transform

_FREE_TEXTS = frozenset(
    {"text", "name", "code", "compact_code", "html_text", "public_text", "lower_text", "url", "json", "json_list"}
)
_ALWAYS_SHOWN = frozenset({"op"})
_NOT_SHOWN = frozenset({"record_hash", "bronze_row", "ingested_at", "dq_flags"})


@dataclass(frozen=True)
class Reason:
    """Why a row is refused: rule, column, message and the value, where it may be shown."""

    rule: str
    column: str
    message: str
    value: str | None


@dataclass
class PreviewedRow:
    """One row of the source and what becomes of it.

    Attributes:
        source: Source column to value, of the columns the mapping uses.
        accepted: The Silver rows it gives: column to value.
        flags: Rules that flag them.
        rejected: One list of reasons for each Silver row that is refused.
    """

    source: dict[str, str | None]
    accepted: list[dict[str, str | None]] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    rejected: list[list[Reason]] = field(default_factory=list)


@dataclass(frozen=True)
class Preview:
    """Rows of one block.

    Attributes:
        block: The block.
        rows: Rows in the order of the extract.
        filtered: Rows `where` leaves out.
        superseded: Silver rows another row of the same key takes the place of.
    """

    block: Block
    rows: list[PreviewedRow]
    filtered: int
    superseded: int


def preview(
    mapping: Mapping,
    model: CanonicalModel,
    source: Source,
    block: Block,
    day: dt.date,
    rows: int,
    *,
    personal_data: bool = False,
) -> Preview:
    """Read some rows of a day and clean them.

    Args:
        mapping: The mapping.
        model: The canonical model.
        source: The source.
        block: Which block.
        day: The day, where the extract tells the rows of a day; else the table as it is now.
        rows: Rows of the source at most.
        personal_data: Show personal data.

    Raises:
        MappingError: The mapping does not fit the database or the model.
        SourceSchemaError: The database has no such table or column.
    """
    entity = model.entity(block.entity)
    plan = source.plan(block)
    window = window_of(day, mapping.source.first_day) if plan.block.mode.is_windowed else None
    read = source.read(plan, None, rows, window=window, distinct=False)
    other = _other(mapping, source, block)
    compiled = compile_block(mapping, block, model, read.schema, other.schema if other else None)
    hiding = _Hiding.of(entity, compiled, personal_data=personal_data)
    shown = [PreviewedRow(hiding.source(read, index)) for index in range(len(read))]
    bronze = BronzeInput(block=block, schema=read.schema, open=read.to_reader, observed=True, rows=len(read))
    seen = {block.complete.seen: other} if other and block.complete and block.complete.seen else {}
    with transform(mapping, model, block.entity, day, [bronze], seen) as silver:
        for row in silver.accepted().read_all().to_pylist():
            previewed = shown[row["bronze_row"]]
            previewed.accepted.append(hiding.silver(row))
            previewed.flags += row["dq_flags"] or []
        for row in silver.rejected().read_all().to_pylist():
            shown[row["bronze_row"]].rejected.append(list(hiding.reasons(row["reasons"])))
        counts = silver.counts
    return Preview(block, shown, counts.filtered, counts.superseded)


def _other(mapping: Mapping, source: Source, block: Block) -> BronzeInput | None:
    """The block that names the documents, without rows: what a preview reads tells nothing of absence."""
    name = block.complete.seen if block.complete else None
    if name is None or name == f"{block.entity}/{block.name}":
        return None
    other = mapping.block(*name.split("/", 1))
    if other is None:
        return None
    empty = schema_of(source.plan(other)).empty_table()
    return BronzeInput(block=other, schema=empty.schema, open=empty.to_reader, observed=False, rows=0)


@dataclass(frozen=True)
class _Hiding:
    """What of a row is shown.

    Attributes:
        used: Source columns the mapping uses.
        sources: Source columns that are hidden.
        columns: Silver columns that are hidden.
        contacts: Addresses are hidden in every other text too.
    """

    used: frozenset[str]
    sources: frozenset[str]
    columns: frozenset[str]
    contacts: bool

    @classmethod
    def of(cls, entity: Entity, compiled: CompiledBlock, *, personal_data: bool) -> _Hiding:
        used = frozenset().union(*compiled.lineage.values(), compiled.filters)
        tokens = set(entity.tokens)
        personal = tokens if personal_data else tokens | {c.name for c in entity if c.pii} | {"extras"}
        sources = frozenset().union(*(compiled.lineage.get(name, frozenset()) for name in personal))
        made_of_them = {
            column.name
            for column in entity
            if column.standardise in _FREE_TEXTS and compiled.lineage.get(column.name, frozenset()) & sources
        }
        return cls(used, sources, frozenset(personal | made_of_them), not personal_data)

    def source(self, rows: pa.Table, index: int) -> dict[str, str | None]:
        (batch,) = rows.slice(index, 1).combine_chunks().to_batches()
        values: dict[str, Any] = json.loads(raw_json(batch, masked=True, hidden=self.sources))
        return {name: self._text(value) for name, value in values.items() if name in self.used and name != EXTRACTED_AT}

    def silver(self, row: dict[str, Any]) -> dict[str, str | None]:
        return {
            name: HIDDEN if name in self.columns and value is not None else self._text(value)
            for name, value in row.items()
            if name not in _NOT_SHOWN and (value is not None or name in _ALWAYS_SHOWN)
        }

    def reasons(self, text: str) -> Iterator[Reason]:
        for reason in json.loads(text):
            column, value = str(reason.get("column")), reason.get("value")
            shown = HIDDEN if column in self.columns and value is not None else self._text(value)
            yield Reason(str(reason["rule"]), column, str(reason["message"]), shown)

    def _text(self, value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, bytes):
            return value.hex()
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str).strip('"')
        masked = mask_card_numbers(text)
        return mask_contacts(masked) if self.contacts and "@" in masked else masked
