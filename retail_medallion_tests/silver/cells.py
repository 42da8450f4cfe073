"""Hand-made content of Silver partitions, for tests of the writer that do not need Bronze."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pyarrow as pa

from retail_medallion.model import Entity
from retail_medallion.silver import quarantine
from retail_medallion.silver.statements import staged_columns
from retail_medallion.silver.transform import ControlTotals, PartitionCounts
from retail_medallion.silver.writer import BronzeObject, SilverPartition

INGESTED = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)

_TECHNICAL_TYPES: dict[str, pa.DataType] = {
    "is_deleted": pa.bool_(),
    "deleted_at": pa.timestamp("us", "UTC"),
    "source_created_at": pa.timestamp("us", "UTC"),
    "source_updated_at": pa.timestamp("us", "UTC"),
    "record_hash": pa.binary(16),
    "op": pa.string(),
    "bronze_row": pa.int64(),
    "ingested_at": pa.timestamp("us", "UTC"),
    "dq_flags": pa.list_(pa.string()),
    "extras": pa.string(),
}


def _arrow_type(declared: str) -> pa.DataType:
    if declared.startswith("numeric"):
        precision, scale = declared.removeprefix("numeric(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    plain = {
        "integer": pa.int32(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamptz": pa.timestamp("us", "UTC"),
        "text[]": pa.list_(pa.string()),
        "uuid": pa.binary(16),
    }
    return plain.get(declared, pa.string())


def accepted_table(entity: Entity, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as cleaning delivers them; a row names what it sets, the rest is empty."""
    types = {c.name: _arrow_type(c.type) for c in entity} | _TECHNICAL_TYPES
    filled = []
    for ordinal, row in enumerate(sorted(rows, key=lambda r: r[entity.key])):
        content = json.dumps({k: str(v) for k, v in row.items() if k != "op"}, sort_keys=True)
        filled.append(
            {
                "is_deleted": False,
                "record_hash": hashlib.sha256(content.encode()).digest()[:16],
                "op": "U",
                "bronze_row": ordinal,
                "ingested_at": INGESTED,
                "dq_flags": [],
                **row,
            }
        )
    schema = pa.schema([(name, types[name]) for name in staged_columns(entity)])
    return pa.Table.from_pylist(filled, schema=schema)


class HandMade:
    """What `transform` would give, from rows written down in a test."""

    def __init__(
        self,
        entity: Entity,
        rows: Sequence[Mapping[str, Any]],
        scopes: Sequence[str],
        rejected: int = 0,
        covered: Mapping[str, int] | None = None,
    ) -> None:
        self._table = accepted_table(entity, rows)
        self._rejected = rejected
        self.scopes = list(scopes)
        self.counts = PartitionCounts(
            rows_read=len(rows) + rejected,
            filtered=0,
            mapped=len(rows) + rejected,
            accepted=len(rows),
            rejected=rejected,
            superseded=0,
            warnings={},
            rejections={"G01": rejected} if rejected else {},
            totals={"quantity": ControlTotals(Decimal(1), Decimal(1), Decimal(0), Decimal(0))},
            presence=sum(row.get("op") == "P" for row in rows),
            blocks=covered or {},
        )

    def accepted(self) -> pa.RecordBatchReader:
        return self._table.to_reader()

    def rejected(self) -> pa.RecordBatchReader:
        reasons = json.dumps([{"rule": "G01", "column": "sale_id", "value": None, "message": "missing"}])
        rows = [
            {"block": "b", "bronze_row": i, "source_key": str(i), "raw": "{}", "mapped": "{}", "reasons": reasons}
            for i in range(self._rejected)
        ]
        return pa.Table.from_pylist(rows, schema=quarantine.SCHEMA).to_reader()


def cell(
    entity: Entity,
    day: dt.date,
    rows: Sequence[Mapping[str, Any]],
    scopes: Sequence[str] = (),
    *,
    rejected: int = 0,
    mode: str = "changed",
    observed: bool = True,
    covered: Mapping[str, int] | None = None,
) -> SilverPartition:
    """One partition with this content; its digest follows the content.

    `covered` are the rows of the blocks that read the whole table; those of a snapshot are all its rows.
    """
    content = repr((sorted(map(repr, rows)), sorted(scopes), rejected, covered))
    if covered is None:
        covered = {"b": len(rows) + rejected} if mode == "snapshot" and observed else {}

    @contextmanager
    def opened() -> Iterator[Any]:
        yield HandMade(entity, rows, scopes, rejected, covered)

    return SilverPartition(
        day=day,
        mode=mode,
        observed=observed,
        objects=[
            BronzeObject("b", f"k/{day}", "etag", hashlib.sha256(content.encode()).hexdigest(), len(rows) + rejected)
        ],
        transform=opened,
        whole=frozenset(covered),
    )
