"""Rows on their way into a table, each checked to belong to the partition it is loaded for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.errors import DataContractError, SchemaDriftError
from retail_medallion.storage.dagster_partitions import Window
from retail_medallion.storage.postgres.target import Extent, TableTarget

_Positions: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_DAY = dt.timedelta(days=1)


class PartitionGuard:
    """Passes a stream through, refuses any row outside the extent, and counts rows and bytes partition by partition.

    Attributes:
        rows: Rows that passed, by partition key (a single entry under None for the whole slice).
        bytes: Arrow bytes that passed, by the same.
        used: Whether any of the stream was consumed.
    """

    def __init__(self, target: TableTarget, extent: Extent) -> None:
        self._target = target
        self._extent = extent
        self._keys = list(extent.keys or [])
        counted: Sequence[str | None] = [None] if extent.keys is None else extent.keys
        self.rows = dict.fromkeys(counted, 0)
        self.bytes = dict.fromkeys(counted, 0)
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
            self._add(None, batch)
            return
        values = batch.column(column)
        if values.null_count:
            raise self._refused(column, "a row has NULL there")
        temporal = pa.types.is_timestamp(values.type) or pa.types.is_date(values.type)
        if self._extent.windows is not None and temporal:
            keys, positions = self._among_windows(column, values, self._extent.windows)
        else:
            keys, positions = self._among_keys(column, values)
        counts = np.bincount(positions, minlength=len(keys))
        if np.count_nonzero(counts) > 1 and bool((np.diff(positions) < 0).any()):
            batch = batch.take(pa.array(np.argsort(positions, kind="stable")))
        start = 0
        for key, count in zip(keys, counts.tolist(), strict=True):
            self._add(key, batch.slice(start, count))
            start += count

    def _add(self, key: str | None, part: pa.RecordBatch) -> None:
        if part.num_rows:
            self.rows[key] += part.num_rows
            self.bytes[key] += part.nbytes

    def _among_windows(self, column: str, values: pa.Array, windows: Any) -> tuple[Sequence[str], _Positions]:
        ordered = sorted(self._keys, key=lambda key: windows[key])
        starts = np.array([_number(windows[key].start, values.type) for key in ordered], np.int64)
        ends = np.array([_number(windows[key].end, values.type) for key in ordered], np.int64)
        numbers = _numbers(values)
        positions = np.searchsorted(starts, numbers, side="right") - 1
        if len(numbers) and (positions.min() < 0 or bool((numbers >= ends[positions]).any())):
            raise self._refused(column, f"a row lies outside {self._described([windows[key] for key in ordered])}")
        return ordered, positions

    def _among_keys(self, column: str, values: pa.Array) -> tuple[Sequence[str], _Positions]:
        encoded = pc.cast(values, pa.string()).dictionary_encode()
        found: list[str] = encoded.dictionary.to_pylist()
        if not set(found) <= set(self._keys):
            raise self._refused(column, f"a row belongs to none of the {len(self._keys)} partitions written")
        return found, np.asarray(encoded.indices, np.int64)

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
