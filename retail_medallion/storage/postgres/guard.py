"""Rows on their way into a table, each checked to belong to the partition it is loaded for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.errors import DataContractError, SchemaDriftError
from retail_medallion.storage.dagster_partitions import Window
from retail_medallion.storage.postgres.target import Extent, TableTarget

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_DAY = dt.timedelta(days=1)


class PartitionGuard:
    """Passes a stream through, refuses any row outside the extent, and counts rows partition by partition.

    Attributes:
        rows: Rows that passed, by partition key (a single entry under None for the whole slice).
        bytes: Arrow bytes that passed.
        used: Whether any of the stream was consumed.
    """

    def __init__(self, target: TableTarget, extent: Extent) -> None:
        self._target = target
        self._extent = extent
        self._keys = list(extent.keys or [])
        self.rows: dict[str | None, int] = dict.fromkeys(extent.keys if extent.keys is not None else [None], 0)
        self.bytes = 0
        self.used = False

    def passing(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """Wrap a stream.

        Raises:
            SchemaDriftError: The partition column or a slice column is missing.
            DataContractError: While reading: a row belongs elsewhere.
        """
        needed = [*self._target.slice, *([self._target.partition_column] if self._extent.keys is not None else [])]
        missing = [name for name in needed if name not in reader.schema.names]
        if missing:
            raise SchemaDriftError(
                f"Column {', '.join(map(repr, missing))} is not in the data",
                where=f"table {self._target.table}, {self._extent}",
                why="it tells which rows are replaced",
                fix="add the column where the data is made",
            )
        return pa.RecordBatchReader.from_batches(reader.schema, self._checked(reader))

    def _checked(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in reader:
            self.used = True
            self.bytes += batch.nbytes
            for name, value in self._target.slice.items():
                self._check_slice(name, value, batch.column(name))
            self._count(batch)
            yield batch

    def _check_slice(self, name: str, value: Any, values: pa.Array) -> None:
        texts = pc.cast(values, pa.string())
        if not pc.all(pc.fill_null(pc.equal(texts, str(value)), False)).as_py() and len(values):  # noqa: FBT003
            raise self._refused(name, "a row has another value than the slice that is replaced")

    def _count(self, batch: pa.RecordBatch) -> None:
        column = self._target.partition_column
        if self._extent.keys is None or column is None:
            self.rows[None] += batch.num_rows
            return
        values = batch.column(column)
        if values.null_count:
            raise self._refused(column, "a row has NULL there")
        temporal = pa.types.is_timestamp(values.type) or pa.types.is_date(values.type)
        if self._extent.windows is not None and temporal:
            counts = self._count_windows(column, values, self._extent.windows)
        else:
            counts = self._count_keys(column, values)
        for key, count in counts.items():
            self.rows[key] += count

    def _count_windows(self, column: str, values: pa.Array, windows: Any) -> dict[str, int]:
        ordered = sorted(self._keys, key=lambda key: windows[key])
        starts = np.array([_number(windows[key].start, values.type) for key in ordered], np.int64)
        ends = np.array([_number(windows[key].end, values.type) for key in ordered], np.int64)
        numbers = _numbers(values)
        positions = np.searchsorted(starts, numbers, side="right") - 1
        if len(numbers) and (positions.min() < 0 or bool((numbers >= ends[positions]).any())):
            raise self._refused(column, f"a row lies outside {self._described([windows[key] for key in ordered])}")
        counts = np.bincount(positions, minlength=len(ordered))
        return {key: int(count) for key, count in zip(ordered, counts, strict=True) if count}

    def _count_keys(self, column: str, values: pa.Array) -> dict[str, int]:
        counted = {
            str(entry["values"]): int(entry["counts"])
            for entry in pc.value_counts(pc.cast(values, pa.string())).to_pylist()
        }
        if not set(counted) <= set(self._keys):
            raise self._refused(column, f"a row belongs to none of the {len(self._keys)} partitions written")
        return counted

    def _described(self, windows: Sequence[Window]) -> str:
        return f"[{windows[0].start.isoformat()}, {windows[-1].end.isoformat()})"

    def _refused(self, column: str, why: str) -> DataContractError:
        return DataContractError(
            "A row does not belong to what is being replaced",
            where=f"table {self._target.table}, {self._extent}, column {column!r}",
            why=why,
            fix="hand over only rows of the partitions the run is for; the table was left as it was",
        )


def _number(moment: dt.datetime, kind: pa.DataType) -> int:
    """Express the end of a window in the numbers behind ``kind``: microseconds, or days for dates."""
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return (moment - _EPOCH) // _MICROSECOND
    wall = moment.replace(tzinfo=dt.UTC) - _EPOCH
    return wall // _MICROSECOND if pa.types.is_timestamp(kind) else wall // _DAY


def _numbers(values: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    if pa.types.is_timestamp(values.type):
        exact = pc.cast(values, pa.timestamp("us", values.type.tz), safe=False)
        return np.asarray(exact.view(pa.int64()), np.int64)
    return np.asarray(pc.cast(values, pa.date32()).view(pa.int32()), np.int64)
