"""What a real run tells: columns and types of the newest Bronze objects, values found, and example rows.

An example is made from a row that Bronze holds, through the same cleaning a load uses, so that the value of the source
and the value in Silver are of one row. Personal data never gets as far as the workbook.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 a class, whatever psycopg2 calls it

from retail_medallion.bronze.observed import days_kept
from retail_medallion.errors import RetailMedallionError
from retail_medallion.mapping import Block, column_lineage
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.mapping.guard import guard
from retail_medallion.model import CanonicalModel
from retail_medallion.silver.bronze_rows import BronzeInput
from retail_medallion.silver.standardisers.contacts import mask_contacts
from retail_medallion.silver.transform import transform
from retail_medallion.storage.object_keys import ObjectKeys, default_asset_path
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion.storage.postgres.types import POSTGRES_TYPE
from retail_medallion.workbook.inputs import MASKED, BlockFacts, Facts, SourceColumn
from retail_medallion.workbook.rows import map_rows

EXAMPLE_ROWS = 200
"""Rows of the newest object that are looked at for examples."""

MOST_DAYS = 15
"""Days back from the newest that are looked at for one with rows."""

_LONGEST = 120
_DOCUMENTS = frozenset({"json", "jsonb", "xml", "hstore"})
DOCUMENT = "(document)"


def run_facts(
    mapping: SourceMapping, model: CanonicalModel, store: ParquetStore, prefix: str, on_error: Callable[[str], None]
) -> Facts:
    """Look at the newest Bronze objects of a source.

    Args:
        mapping: The source.
        model: The canonical model.
        store: Where Bronze is.
        prefix: Prefix of its keys.
        on_error: Told of blocks that gave no example; the others are looked at all the same.
    """
    examples: dict[str, tuple[str, str]] = {}
    blocks: dict[tuple[str, str], BlockFacts] = {}
    values: dict[tuple[str, str], int] = {}
    for block in mapping.blocks:
        try:
            found = _newest(mapping, block, store, prefix)
            if found is None:
                continue
            facts, day, rows = found
            blocks[block.entity, block.name] = facts
            hidden = hidden_columns(mapping, model, block)
            for code_map, value, count in _code_values(block, rows, hidden):
                values[code_map, value] = values.get((code_map, value), 0) + count
            examples |= _examples(mapping, model, block, day, rows.slice(0, EXAMPLE_ROWS), hidden)
        except RetailMedallionError as error:
            on_error(f"{mapping.source.code}/{block.entity}/{block.name}: {error.what}")
    return Facts(examples=examples, blocks=blocks, code_values=values)


def with_warehouse(facts: Facts, source: str, connection: Connection) -> Facts:
    """The same with what the warehouse tells: the days loaded and the rows that are not deleted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entity, min(partition_date), max(partition_date) FROM silver_meta.partition_state"
            " WHERE source_system = %s GROUP BY entity ORDER BY entity",
            (source,),
        )
        loaded = cursor.fetchall()
        rows = {}
        for entity, _, _ in loaded:
            query = sql.SQL("SELECT count(*) FROM {} WHERE source_system = %s AND NOT is_deleted")
            cursor.execute(query.format(sql.Identifier("silver", entity)), (source,))
            rows[entity] = int(cursor.fetchone()[0])  # type: ignore[index] # a count always has a row
    first = min((first for _, first, _ in loaded), default=None)
    return replace(facts, rows=rows, first_day=first, last_day=max((last for _, _, last in loaded), default=None))


def _newest(
    mapping: SourceMapping, block: Block, store: ParquetStore, prefix: str
) -> tuple[BlockFacts, dt.date, pa.Table] | None:
    """The newest object that has rows: what is known of it, its day and its rows."""
    keys = ObjectKeys(prefix, default_asset_path([mapping.source.code, "bronze", block.entity]))

    def key_of(day: dt.date) -> str:
        return keys.key(day.isoformat(), block.name)

    for day in reversed(days_kept(store, key_of, mapping.source.first_day)[-MOST_DAYS:]):
        info = store.stat(key_of(day))
        if info is None or not info.is_ours or not info.rows:
            continue
        with store.open(info) as opened:
            fields = [field for field in opened.schema if not field.name.startswith("_")]
            columns = {
                field.name: SourceColumn(
                    field.name, (field.metadata or {}).get(POSTGRES_TYPE, b"").decode(), str(field.type)
                )
                for field in fields
            }
            rows = opened.reader().read_all()
        return BlockFacts(columns, day, info.rows, info.key), day, rows
    return None


def hidden_columns(mapping: SourceMapping, model: CanonicalModel, block: Block) -> frozenset[str]:
    """Columns of an extract whose values are not shown: any mapping of the same table makes personal data of them."""
    found: set[str] = set()
    for other in mapping.blocks:
        if (other.extract.table, other.extract.query) != (block.extract.table, block.extract.query):
            continue
        entity = model.entities[other.entity]
        personal = {column.name for column in entity if column.pii or column.standardise == "session"}
        found |= {edge.source for edge in column_lineage(mapping, other) if edge.target in personal}
    return frozenset(found)


def _code_values(block: Block, rows: pa.Table, hidden: frozenset[str]) -> Iterator[tuple[str, str, int]]:
    """(code map, source value, rows) of columns that a code map translates as they are."""
    for column in block.columns.values():
        if column.code is None or column.expr is None:
            continue
        name = guard(column.expr, where="", line=block.explode.alias if block.explode else None).bare_column
        if name is None or name in hidden or name not in rows.schema.names:
            continue
        for entry in pc.value_counts(rows.column(name)).to_pylist():
            text = "" if entry["values"] is None else str(entry["values"]).strip()
            if text and text not in column.null_values and text == mask_contacts(text):
                yield column.code, text[:_LONGEST], entry["counts"]


def _examples(
    mapping: SourceMapping,
    model: CanonicalModel,
    block: Block,
    day: dt.date,
    rows: pa.Table,
    hidden: frozenset[str],
) -> dict[str, tuple[str, str]]:
    """Map id to the values of the first row that has one in Silver."""
    alone = block.model_copy(update={"complete": None})
    given = BronzeInput(alone, rows.schema, rows.to_reader, observed=True, rows=rows.num_rows)
    with transform(mapping, model, block.entity, day, [given]) as done:
        silver = done.accepted().read_all().to_pylist()
    edges = column_lineage(mapping, block)
    found = {}
    for row in map_rows(mapping, block.entity, model):
        if row.block.name != block.name or not row.is_mapped:
            continue
        origins = sorted({edge.source for edge in edges if edge.target == row.column and edge.kind == "DIRECT"})
        example = next((one for one in silver if one.get(row.column) is not None), None)
        if example is None:
            continue
        raw = {name: rows.column(name)[example["bronze_row"]] for name in origins if name in rows.schema.names}
        personal = bool(row.target and (row.target.pii or row.target.standardise == "session"))
        is_text = row.type in {"text", "jsonb", "text[]", ""}
        hides = personal or (is_text and not hidden.isdisjoint(origins))
        source = "\n".join(_source_value(name, value, rows.schema.field(name), hidden) for name, value in raw.items())
        result = MASKED if hides else DOCUMENT if row.type == "jsonb" else shown(example[row.column])
        found[row.map_id] = (MASKED if personal and raw else source, result)
    return found


def _source_value(name: str, value: pa.Scalar, field: pa.Field, hidden: frozenset[str]) -> str:
    if name in hidden:
        return f"{name}: {MASKED}"
    postgres_type = (field.metadata or {}).get(POSTGRES_TYPE, b"").decode()
    if postgres_type in _DOCUMENTS:
        return f"{name}: {DOCUMENT}"
    try:
        return f"{name}: {shown(value.as_py())}"
    except (ValueError, OverflowError):
        return f"{name}: (not shown)"


def shown(value: Any) -> str:
    """A value as text, without addresses and phone numbers, and not longer than a cell is wide."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()[:_LONGEST]
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, Mapping | list):
        return mask_contacts(", ".join(str(part) for part in value))[:_LONGEST]
    return mask_contacts(str(value))[:_LONGEST] if isinstance(value, str) else str(value)
