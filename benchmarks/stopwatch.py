"""Tells where the time of writing one Silver partition goes."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from retail_medallion.silver.transform import TransformedPartition
from retail_medallion.silver.writer import SilverPartition


class Stopwatch:
    """Tells apart fetching and verifying Bronze, cleaning it, and COPY of the cleaned rows into the stage.

    Parquet is decoded while rows are cleaned, and the last part of cleaning happens while rows are staged: a batch is
    counted as cleaning until it is there.

    Args:
        open_object: Fetches and verifies an object.
    """

    def __init__(self, open_object: Callable[[Any], Any]) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._open_object = open_object

    def parts(self, seconds: float) -> dict[str, float]:
        """The parts of so many seconds; what is neither reading nor cleaning is loading."""
        read, clean = self._seconds["read"], self._seconds["clean"]
        load = seconds - read - clean
        return {"read": read, "clean": clean, "load": load, "of it COPY into the stage": self._seconds["stage"]}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add what a block takes, less what the parts inside it take."""
        began, others = time.perf_counter(), sum(self._seconds.values())
        yield
        self._seconds[name] += time.perf_counter() - began - (sum(self._seconds.values()) - others)

    @contextlib.contextmanager
    def open_object(self, info: Any) -> Iterator[Any]:
        """Fetch and verify an object."""
        with contextlib.ExitStack() as stack:
            with self.part("read"):
                opened = stack.enter_context(self._open_object(info))
            yield opened

    def watch(self, cell: SilverPartition) -> SilverPartition:
        """The same partition, watched."""

        @contextlib.contextmanager
        def cleaned() -> Iterator[Any]:
            with contextlib.ExitStack() as stack:
                with self.part("clean"):
                    transformed = stack.enter_context(cell.transform())
                yield _Watched(self, transformed)

        return replace(cell, transform=cleaned)


class _Watched:
    """Cleaned rows as the writer takes them: first the accepted ones, which it stages, then the rejected ones."""

    def __init__(self, watch: Stopwatch, transformed: TransformedPartition) -> None:
        self._watch, self._transformed = watch, transformed
        self._staging = contextlib.ExitStack()
        self.counts, self.scopes = transformed.counts, transformed.scopes

    def accepted(self) -> pa.RecordBatchReader:
        with self._watch.part("clean"):
            reader = self._transformed.accepted()
        self._staging.enter_context(self._watch.part("stage"))
        return pa.RecordBatchReader.from_batches(reader.schema, self._batches(reader))

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        batches = iter(reader)
        while True:
            with self._watch.part("clean"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def rejected(self) -> pa.RecordBatchReader:
        self._staging.close()
        return self._transformed.rejected()
