"""Rejected rows with everything needed to judge them: the row as Bronze holds it, as mapped, and every reason."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from retail_medallion.silver.bronze_rows import BronzeInput
from retail_medallion.silver.standardisers.cards import mask_card_numbers

SCHEMA = pa.schema(
    [
        ("block", pa.string()),
        ("bronze_row", pa.int64()),
        ("source_key", pa.string()),
        ("raw", pa.string()),
        ("mapped", pa.string()),
        ("reasons", pa.string()),
    ]
)
"""Rejected rows; the last three columns are JSON."""

HIDDEN = "***"
"""What stands in place of a value that is kept nowhere but in Bronze."""

_ROWS_PER_BATCH = 1_000
_INTERNAL = "_"


@dataclass(frozen=True)
class RefusedRow:
    """What cleaning knows of a rejected row."""

    bronze_row: int
    source_key: str | None
    mapped: str
    reasons: str
    masked: bool


def rejected_batches(
    bronze: BronzeInput, refused: Iterable[RefusedRow], hidden: frozenset[str] = frozenset()
) -> Iterator[pa.RecordBatch]:
    """Put the rejected rows of one block beside their Bronze rows.

    Args:
        bronze: The block's Bronze object, read once more.
        refused: Its rejected rows, ordered by `bronze_row`.
        hidden: Bronze columns whose values are not kept.
    """
    waiting = iter(refused)
    row = next(waiting, None)
    if row is None:
        return
    first, found = 0, []
    for batch in bronze.open():
        while row is not None and row.bronze_row < first + batch.num_rows:
            raw = raw_json(batch.slice(row.bronze_row - first, 1), masked=row.masked, hidden=hidden)
            found.append((bronze.block.name, row.bronze_row, row.source_key, raw, row.mapped, row.reasons))
            if len(found) == _ROWS_PER_BATCH:
                yield _batch(found)
                found = []
            row = next(waiting, None)
        first += batch.num_rows
        if row is None:
            break
    if found:
        yield _batch(found)


def _batch(rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = [pa.array(values, type_) for values, type_ in zip(zip(*rows, strict=True), SCHEMA.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def raw_json(row: pa.RecordBatch, *, masked: bool, hidden: frozenset[str] = frozenset()) -> str:
    """The columns of a one-row batch as a JSON object: decimals, dates and times as exact text, bytes in hexadecimal.

    Args:
        row: The row; columns whose name starts with `_` are ours and left out.
        masked: Hide all but the last four digits of payment card numbers.
        hidden: Columns that are shown as stars.
    """
    values = {
        name: HIDDEN
        if name in hidden and row.column(name).null_count == 0
        else _plain(_value(row.column(name)), masked=masked)
        for name in row.schema.names
        if name[:1] != _INTERNAL
    }
    return json.dumps(values, ensure_ascii=False)


def _value(column: pa.Array) -> Any:
    try:
        return column.to_pylist()[0]
    except (ValueError, OverflowError):
        # Infinite and far-away times have no Python value; their number is exact.
        return str(column.cast(pa.int64()).to_pylist()[0])


def _plain(value: Any, *, masked: bool) -> Any:
    if isinstance(value, dict):
        return {str(_plain(k, masked=masked)): _plain(v, masked=masked) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, masked=masked) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        hidden = mask_card_numbers(str(value)) if masked else str(value)
        return value if hidden == str(value) else hidden
    text = _text(value).replace("\x00", "")
    return mask_card_numbers(text) if masked else text


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return str(value)
