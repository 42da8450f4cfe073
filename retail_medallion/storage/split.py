"""One stream for a range of partitions, cut by the column that tells each row's partition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from retail_medallion.errors import ConfigurationError, DataContractError
from retail_medallion.storage.parquet_file import LocalParquet, write_file


class TimeSpan(Protocol):
    """A half-open span of time; both ends know their time zone."""

    @property
    def start(self) -> dt.datetime:
        """The first instant that belongs to it."""

    @property
    def end(self) -> dt.datetime:
        """The first instant that no longer does."""


class SplitStream:
    """The rows of a range, kept in a local file and handed out partition by partition.

    Args:
        reader: The rows; consumed.
        column: The column that tells each row's partition.
        partitions: The partitions of the range.
        spans: Each partition's span of time; None where the column holds the partition's key itself.
        directory: Where the local file goes.

    Raises:
        ConfigurationError: There is no such column, or its type cannot tell the partition.
        DataContractError: A row belongs to none of the partitions.
    """

    def __init__(
        self,
        reader: pa.RecordBatchReader,
        column: str,
        partitions: Sequence[str],
        spans: Mapping[str, TimeSpan] | None,
        directory: Path,
    ) -> None:
        if column not in reader.schema.names:
            raise ConfigurationError(
                f"The rows have no column {column!r} to tell their partition.",
                why=f"columns found: {', '.join(reader.schema.names)}",
                fix="Name another column in the asset's metadata `partition_expr`.",
            )
        kind = reader.schema.field(column).type
        self._filters = {
            partition: _condition(column, kind, partition, spans[partition] if spans else None)
            for partition in partitions
        }
        write_file(reader, directory / "range.parquet", metadata={})
        self._file = LocalParquet(directory / "range.parquet")
        streaming = ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
        file_format = ds.ParquetFileFormat(default_fragment_scan_options=streaming)
        self._dataset = ds.dataset(directory / "range.parquet", format=file_format)
        counted = sum(self._dataset.count_rows(filter=condition) for condition in self._filters.values())
        if counted != self._file.rows:
            raise DataContractError(
                f"{self._file.rows - counted} of {self._file.rows} rows belong to none of the partitions of this run.",
                where=f"column {column!r}, partitions {partitions[0]} to {partitions[-1]}",
                why="The column is NULL there, or lies outside; nothing was written.",
                fix="Hand over only rows of the run's partitions (context.partition_time_window).",
            )

    def reader(self, partition: str) -> pa.RecordBatchReader:
        """Stream the rows of one partition, in the order in which they came."""
        schema = self._file.schema

        def batches() -> Iterator[pa.RecordBatch]:
            scanner = self._dataset.scanner(
                filter=self._filters[partition], batch_size=32_768, batch_readahead=2, fragment_readahead=1
            )
            for batch in scanner.to_reader():
                if batch.num_rows:
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

        return pa.RecordBatchReader.from_batches(schema, batches())


def _condition(column: str, kind: pa.DataType, partition: str, span: TimeSpan | None) -> pc.Expression:
    field = pc.field(column)
    if span is None:
        return field == pa.scalar(partition)
    start, end = _bound(span.start, kind, column), _bound(span.end, kind, column)
    return (field >= start) & (field < end)


def _bound(instant: dt.datetime, kind: pa.DataType, column: str) -> Any:
    utc = instant.astimezone(dt.UTC)
    if pa.types.is_date(kind):
        return pa.scalar(instant.date(), kind)
    if pa.types.is_timestamp(kind):
        return pa.scalar(utc if kind.tz else utc.replace(tzinfo=None), kind)
    raise ConfigurationError(
        f"Column {column!r} of type {kind} cannot tell a row's partition.", fix="Use a date or a timestamp."
    )
