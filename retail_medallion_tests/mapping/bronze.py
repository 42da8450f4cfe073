"""Bronze rows for tests, with the fields the extraction gives them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa

from retail_medallion.mapping import CompiledBlock, Mapping, compile_block, new_duckdb, read_mapping, readable
from retail_medallion.model import load_model

FILES = Path(__file__).parent / "files"
MODEL = load_model()
EXTRACTED = dt.datetime(2026, 6, 21, 3, 0, tzinfo=dt.UTC)
TYPES = {
    "text": pa.string(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "timestamp without time zone": pa.timestamp("us"),
    "jsonb": pa.string(),
    "uuid": pa.binary(16),
    "numeric(12,2)": pa.decimal128(12, 2),
    "numeric(60,4)": pa.decimal256(60, 4),
    "text[]": pa.list_(pa.string()),
    "bytea": pa.binary(),
}


def bronze(types: dict[str, str], *rows: tuple[Any, ...]) -> pa.Table:
    """A Bronze table from PostgreSQL type names and rows."""
    fields = [pa.field(n, TYPES[t], metadata={b"postgres_type": t.encode()}) for n, t in types.items()]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, fields, strict=True)]
    fields.append(pa.field("_extracted_at", pa.timestamp("us", "UTC")))
    arrays.append(pa.array([EXTRACTED] * len(rows), fields[-1].type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def run(compiled: CompiledBlock, table: pa.Table) -> list[dict[str, Any]]:
    """Rows of the compiled SELECT."""
    return query(compiled.select, table)


def query(select: str, table: pa.Table, relation: str = "bronze") -> list[dict[str, Any]]:
    """Rows of a SELECT over Bronze rows."""
    whole = readable(pa.RecordBatchReader.from_batches(table.schema, table.to_batches())).read_all()
    with new_duckdb() as connection:
        connection.register(relation, whole.append_column("bronze_row", pa.array(range(len(whole)), pa.int64())))
        rows: list[dict[str, Any]] = connection.sql(select).to_arrow_table().to_pylist()
        return rows


def products(columns: str, *, more: str = "", codes: str = "{}") -> Mapping:
    """A mapping of products from one table, with the columns given as YAML."""
    text = f"""
mapping: v1
source: {{code: shop, tenant: shop, owner: a@b.c, timezone: UTC, currency: EUR, country: DE, language: de}}
codes: {codes}
entities:
  products:
    - block: items
      extract: {{table: items, mode: snapshot, key: [id]}}
      key: {{product_id: "id"}}
      {more}
      columns: {columns}
"""
    return read_mapping(text.encode(), "shop.yml")


def mapped(columns: str, table: pa.Table, *, more: str = "", codes: str = "{}") -> list[dict[str, Any]]:
    """Compile and run a mapping of products."""
    mapping = products(columns, more=more, codes=codes)
    return run(compile_block(mapping, mapping.blocks[0], MODEL, table.schema), table)
