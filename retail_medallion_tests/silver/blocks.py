"""Small mappings, Bronze tables and one call of `transform` for tests."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.mapping import read_mapping
from retail_medallion.model import load_model
from retail_medallion.silver.transform import BronzeInput, PartitionCounts, transform

DAY = dt.date(2026, 6, 20)
EXTRACTED = dt.datetime(2026, 6, 21, 3, tzinfo=dt.UTC)
UPDATED = dt.datetime(2026, 6, 20, 12, tzinfo=dt.UTC)
MODEL = load_model()


@dataclass(frozen=True)
class Outcome:
    accepted: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    counts: PartitionCounts
    scopes: Sequence[str]

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.accepted
        return row

    @property
    def refusals(self) -> set[tuple[str, str]]:
        return {(r["rule"], r["column"]) for row in self.rejected for r in json.loads(row["reasons"])}


def source_mapping(
    entities: Mapping[str, Any], *, codes: Mapping[str, Any] | None = None, **source: Any
) -> SourceMapping:
    settings = {
        "code": "shop",
        "tenant": "acme",
        "owner": "team:data",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "country": "DE",
        "language": "de",
        **source,
    }
    document = {"mapping": "v1", "source": settings, "entities": entities, **({"codes": codes} if codes else {})}
    return read_mapping(json.dumps(document).encode())


def block(entity: str, columns: Mapping[str, Any], *, name: str = "rows", **more: Any) -> dict[str, Any]:
    key = MODEL.entity(entity).key
    extract = {"table": "shop.t", "mode": "changed", "key": ["k"], "watermark": "updated_at"}
    body = {"block": name, "extract": extract, "key": {key: "k"}, "columns": dict(columns), **more}
    if not columns:
        del body["columns"]
    return body


def bronze(mapping: SourceMapping, entity: str, table: pa.Table, *, name: str = "rows", **more: Any) -> BronzeInput:
    found = mapping.block(entity, name)
    assert found is not None
    batch_rows = more.pop("batch_rows", 7)
    settings = {"observed": True, "rows": table.num_rows, **more}
    return BronzeInput(found, table.schema, lambda: table.to_reader(batch_rows), **settings)


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None = None) -> pa.Table:
    """A Bronze table; its rows were extracted at `EXTRACTED` where they do not say."""
    filled = [{**row, "_extracted_at": row.get("_extracted_at", EXTRACTED)} for row in rows]
    if schema is not None:
        schema = schema.append(pa.field("_extracted_at", pa.timestamp("us", "UTC")))
    return pa.Table.from_pylist(filled, schema)


def run(mapping: SourceMapping, entity: str, inputs: Sequence[BronzeInput], seen: Any = None) -> Outcome:
    with transform(mapping, MODEL, entity, DAY, inputs, seen) as partition:
        return Outcome(
            partition.accepted().read_all().to_pylist(),
            partition.rejected().read_all().to_pylist(),
            partition.counts,
            partition.scopes,
        )


def cleaned(entity: str, *rows: Mapping[str, Any], codes: Any = None, columns: Any = None, **source: Any) -> Outcome:
    """Rows given under canonical names, `k` being the key, mapped one to one.

    Args:
        columns: Mappings of columns that are not simply fetched.
    """
    names = sorted({name for row in rows for name in row if name != "k"})
    wanted = {name: f'"{name}"' for name in names} | (columns or {})
    mapping = source_mapping({entity: [block(entity, wanted)]}, codes=codes, **source)
    complete = [{"k": str(i), **dict.fromkeys(names), **row} for i, row in enumerate(rows)]
    return run(mapping, entity, [bronze(mapping, entity, table_of(complete))])
