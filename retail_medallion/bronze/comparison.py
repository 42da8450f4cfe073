"""Mode compared: which rows of a table are new or other than at the last observation, and which keys are gone.

The table is read whole and walked beside the state of the observation before: the hash of each row, in the order of the
keys. What differs is all that a day's object holds, so no watermark is needed, nor believed.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.bronze.block import DELETED, EXTRACTED_AT, ExtractBlock
from retail_medallion.bronze.ordered import Window, group_end, windows
from retail_medallion.bronze.row_hash import HASH_TYPE, row_hashes
from retail_medallion.bronze.state import ROW_HASH, Before, KeptStates
from retail_medallion.bronze.totals import ControlTotals
from retail_medallion.errors import BalanceError, DataContractError
from retail_medallion.storage.parquet_file import LocalParquet, workspace, write_file
from retail_medallion.storage.parquet_store import IDENTITY_KEY

SHRINK_PERCENT = 30
"""An observation that finds more than this share of the known keys gone is not believed."""
SHRINK_FLOOR = 10
"""Fewer keys than this may always go."""


@dataclass
class _Counts:
    read: int = 0
    unchanged: int = 0
    written: int = 0
    known: int = 0
    gone: int = 0


@dataclass(frozen=True)
class Comparison:
    """One observation of a table, to be compared with the one before.

    Attributes:
        block: What is observed.
        states: The states kept of it.
        schema: Columns of the day's object; `DELETED` is the last.
        taken_at: When the table was read.
        where: Names block and day in messages.
    """

    block: ExtractBlock
    states: KeptStates
    schema: pa.Schema
    taken_at: datetime
    where: str

    def rows(self, fresh: pa.RecordBatchReader, day: date, entries: MutableMapping[str, str]) -> pa.RecordBatchReader:
        """Read the table, keep its state, and stream what differs from the state before.

        The state is in its place before the first row is handed out; whoever keeps the rows, with `entries` as their
        metadata, thereby makes it the state of that day.

        Args:
            fresh: The table, ordered by its key, without `DELETED`.
            day: The day observed.
            entries: Entries of the day's object; what is told of the comparison is added, some after the last row.

        Raises:
            DataContractError: While streaming: too many keys are gone.
        """
        stack = ExitStack()
        with ExitStack() as on_error:
            on_error.push(stack)
            folder = stack.enter_context(workspace())
            now = self._read(fresh, folder)
            before = stack.enter_context(self.states.before(day, fresh.schema))
            kept = self.states.keep(now.reader([*self.block.key, ROW_HASH]), day, before, fresh.schema)
            # The same rows compared with another day are another observation.
            entries[IDENTITY_KEY] += "".join(f" {name}={value}" for name, value in kept.items())
            entries.update(kept)
            on_error.pop_all()
        return pa.RecordBatchReader.from_batches(self.schema, self._streamed(stack, before, now, entries))

    def _read(self, fresh: pa.RecordBatchReader, folder: Path) -> LocalParquet:
        schema = fresh.schema.append(pa.field(ROW_HASH, HASH_TYPE, nullable=False))

        def hashed() -> Iterator[pa.RecordBatch]:
            for batch in fresh:
                hashes = row_hashes(batch, without=(EXTRACTED_AT,))
                yield pa.RecordBatch.from_arrays([*batch.columns, hashes], schema=schema)

        path = folder / "table.parquet"
        write_file(pa.RecordBatchReader.from_batches(schema, hashed()), path, metadata={})
        return LocalParquet(path)

    def _streamed(
        self,
        open_files: AbstractContextManager[object],
        before: Before,
        now: LocalParquet,
        entries: MutableMapping[str, str],
    ) -> Iterator[pa.RecordBatch]:
        counts, totals = _Counts(), ControlTotals(self.schema)
        with open_files:
            for window in windows(before.reader(), now.reader(), self.block.key):
                for batch in self._differing(window, counts).to_batches():
                    totals.update(batch)
                    yield batch
        if counts.read != now.rows or counts.known != before.rows or counts.unchanged + counts.written != counts.read:
            raise BalanceError("The comparison lost rows.", where=self.where, why=f"counted {counts}")
        self._refuse_shrunken(counts)
        entries["unchanged_rows"] = str(counts.unchanged)
        entries["gone_keys"] = str(counts.gone)
        entries["control_totals"] = totals.as_json()

    def _refuse_shrunken(self, counts: _Counts) -> None:
        if (
            self.block.accept_shrink
            or counts.gone <= SHRINK_FLOOR
            or counts.gone * 100 <= counts.known * SHRINK_PERCENT
        ):
            return
        raise DataContractError(
            f"{counts.gone} of the {counts.known} rows known are gone from the source.",
            where=self.where,
            why=f"more than {SHRINK_PERCENT} % at once usually means a source read half restored",
            fix="Check the source table and run the day again; nothing was written. If the rows are gone for good: "
            "retail-medallion run --accept-shrink SOURCE/ENTITY, or RETAIL_ACCEPT_SHRINK=SOURCE/ENTITY for that one "
            "run.",
        )

    def _differing(self, window: Window, counts: _Counts) -> pa.Table:
        """Rows of a window that are new or other, and one row for each key that is gone, in the order of the keys."""
        old, new = window.old_keys, window.new_keys
        counts.known += len(old)
        counts.read += len(new)
        if old == new and len(set(new)) == len(new):
            same = pc.equal(window.old.column(ROW_HASH), window.new.column(ROW_HASH))
            differing = np.flatnonzero(~pc.fill_null(same, fill_value=False).to_numpy())
            taken, gone = differing + len(old), 0
        else:
            places, gone = _walk(window)
            taken = np.array(places, dtype=np.int64)
        written = len(taken) - gone
        counts.gone += gone
        counts.written += written
        counts.unchanged += len(new) - written
        if not len(taken):
            return self.schema.empty_table()
        return pa.concat_tables([self._as_gone(window.old), self._as_seen(window.new)]).take(pa.array(taken))

    def _as_seen(self, rows: pa.Table) -> pa.Table:
        columns = [rows.column(name) for name in self.schema.names if name != DELETED]
        return pa.Table.from_arrays([*columns, pa.repeat(pa.scalar(value=False), rows.num_rows)], schema=self.schema)

    def _as_gone(self, keys: pa.Table) -> pa.Table:
        def column(field: pa.Field) -> pa.ChunkedArray | pa.Array:
            if field.name in self.block.key:
                return keys.column(field.name)
            if field.name == EXTRACTED_AT:
                return pa.repeat(pa.scalar(self.taken_at, field.type), keys.num_rows)
            if field.name == DELETED:
                return pa.repeat(pa.scalar(value=True), keys.num_rows)
            return pa.nulls(keys.num_rows, field.type)

        return pa.Table.from_arrays([column(field) for field in self.schema], schema=self.schema)


def _walk(window: Window) -> tuple[list[int], int]:
    """Positions, in old + new, of what differs, and how many of them are keys that are gone."""
    old, new = window.old_keys, window.new_keys
    old_hashes, new_hashes = (table.column(ROW_HASH).to_pylist() for table in (window.old, window.new))
    taken: list[int] = []
    i = j = gone = 0
    while i < len(old) or j < len(new):
        if j == len(new) or (i < len(old) and old[i] < new[j]):
            taken.append(i)
            gone += 1
            i = group_end(old, i)
        elif i == len(old) or old[i] > new[j]:
            end = group_end(new, j)
            taken.extend(range(len(old) + j, len(old) + end))
            j = end
        else:
            old_end, new_end = group_end(old, i), group_end(new, j)
            # Rows of one key have no order among themselves.
            if not _same(old_hashes[i:old_end], new_hashes[j:new_end]):
                taken.extend(range(len(old) + j, len(old) + new_end))
            i, j = old_end, new_end
    return taken, gone


def _same(old: Sequence[bytes | None], new: Sequence[bytes | None]) -> bool:
    known = [value for value in old if value is not None]
    return len(known) == len(old) == len(new) and sorted(known) == sorted(value for value in new if value is not None)
