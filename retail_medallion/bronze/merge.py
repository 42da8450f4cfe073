"""The merge of what was seen of a day before with what is seen of it now: nothing once seen is lost.

Both sides are ordered by the same columns, so they are merged in one pass, window by window; memory is bounded by a few
batches and the largest single document.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.bronze.block import EXTRACTED_AT, ExtractBlock, Mode
from retail_medallion.bronze.ordered import Key, as_integers, group_end, keys_of, plain, windows
from retail_medallion.storage.digest import row_digest

_VOLATILE = (EXTRACTED_AT,)


def merge(old: pa.RecordBatchReader, new: pa.RecordBatchReader, block: ExtractBlock) -> pa.RecordBatchReader:
    """Merge what an object holds with a new extract of the same day; both ordered by the block's `order`.

    Modes changed and appended: a row stays unless the new extract has a row of the same key that differs. Where a key
    is not unique, nobody can tell which row is the newer version of which: all rows that differ are kept. Mode
    documents: a document that is in the new extract is taken from there whole; the others stay. In all modes a row
    that is the same keeps the `_extracted_at` under which it was first seen.

    Args:
        old: Rows seen before; the schemas of both are equal.
        new: Rows seen now.
        block: Names the key and the document.
    """
    return pa.RecordBatchReader.from_batches(new.schema, _merged(old, new, block))


def _merged(old: pa.RecordBatchReader, new: pa.RecordBatchReader, block: ExtractBlock) -> Iterator[pa.RecordBatch]:
    for window in windows(old, new, block.group):
        yield from _Window(window.old, window.old_keys, window.new, window.new_keys, block).merged().to_batches()


class _Window:
    """The rows of both sides for a range of groups that is complete on both."""

    def __init__(
        self, old: pa.Table, old_groups: list[Key], new: pa.Table, new_groups: list[Key], block: ExtractBlock
    ) -> None:
        self._old = old
        self._old_groups = old_groups
        self._new = new
        self._new_groups = new_groups
        self._block = block
        # Positions of the result's rows in old + new; pairs may turn out to be the same row.
        self._taken: list[int] = []
        self._pairs: list[tuple[int, int, int]] = []

    def merged(self) -> pa.Table:
        if not self._new_groups:
            return self._old
        if not self._old_groups:
            return self._new
        if self._same_keys():
            places = old_rows = new_rows = np.arange(len(self._new_groups))
            taken = places + len(self._old_groups)
        else:
            self._walk()
            taken = np.array(self._taken, dtype=np.int64)
            pairs = np.array(self._pairs, dtype=np.int64).reshape(-1, 3)
            places, old_rows, new_rows = pairs[:, 0], pairs[:, 1], pairs[:, 2]
        if len(places):
            same = _same_rows(self._old.take(pa.array(old_rows)), self._new.take(pa.array(new_rows)))
            taken[places[same]] = old_rows[same]
        return pa.concat_tables([self._old, self._new]).take(pa.array(taken))

    def _same_keys(self) -> bool:
        """Tell whether both sides have the same rows by their keys, once each; the usual case, and a quick one."""
        if self._old_groups != self._new_groups:
            return False
        keys = self._new_groups
        if self._block.group != self._block.order:
            keys = keys_of(self._new, self._block.order)
            if keys_of(self._old, self._block.order) != keys:
                return False
        return len(set(keys)) == len(keys)

    def _walk(self) -> None:
        old, new = self._old_groups, self._new_groups
        resolve = self._documents() if self._block.mode is Mode.DOCUMENTS else self._rows
        i = j = 0
        while i < len(old) and j < len(new):
            if old[i] < new[j]:
                self._taken.append(i)
                i += 1
            elif old[i] > new[j]:
                self._taken.append(len(old) + j)
                j += 1
            else:
                old_end, new_end = group_end(old, i), group_end(new, j)
                resolve(range(i, old_end), range(j, new_end))
                i, j = old_end, new_end
        self._taken.extend(range(i, len(old)))
        self._taken.extend(range(len(old) + j, len(old) + len(new)))

    def _pair(self, old_row: int, new_row: int) -> None:
        self._pairs.append((len(self._taken), old_row, new_row))
        self._taken.append(len(self._old_groups) + new_row)

    def _rows(self, old_rows: range, new_rows: range) -> None:
        if len(old_rows) == len(new_rows) == 1:
            self._pair(old_rows[0], new_rows[0])
            return
        seen = Counter(_digest(self._old, row) for row in old_rows)
        self._taken.extend(old_rows)
        for row in new_rows:
            digest = _digest(self._new, row)
            if seen[digest]:
                seen[digest] -= 1
            else:
                self._taken.append(len(self._old_groups) + row)

    def _documents(self) -> Callable[[range, range], None]:
        old_keys, new_keys = keys_of(self._old, self._block.order), keys_of(self._new, self._block.order)

        def resolve(old_rows: range, new_rows: range) -> None:
            known: defaultdict[Key, list[int]] = defaultdict(list)
            for row in reversed(old_rows):
                known[old_keys[row]].append(row)
            for row in new_rows:
                candidates = known.get(new_keys[row])
                if candidates:
                    self._pair(candidates.pop(), row)
                else:
                    self._taken.append(len(self._old_groups) + row)

        return resolve


def _digest(table: pa.Table, row: int) -> str:
    return row_digest(table.slice(row, 1).combine_chunks().to_batches()[0], 0, volatile=_VOLATILE)


def _same_rows(left: pa.Table, right: pa.Table) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell for each row whether both tables hold the same there, apart from when it was extracted."""
    same = np.ones(left.num_rows, dtype=np.bool_)
    for name in left.column_names:
        if name not in _VOLATILE:
            same &= _same_values(plain(left.column(name)), plain(right.column(name)))
    return same


def _same_values(left: pa.Array, right: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    left, right = as_integers(left), as_integers(right)
    if left.equals(right):
        return np.ones(len(left), dtype=np.bool_)
    try:
        equal = pc.fill_null(pc.equal(left, right), fill_value=False).to_numpy(zero_copy_only=False)
    except pa.ArrowNotImplementedError:
        # Nested values: compared as they are stored, because Python cannot hold every instant.
        rows = (left.slice(row, 1).equals(right.slice(row, 1)) for row in range(len(left)))
        return np.fromiter(rows, dtype=np.bool_, count=len(left))
    both_null = pc.and_(left.is_null(), right.is_null()).to_numpy(zero_copy_only=False)
    return np.asarray(equal | both_null, dtype=np.bool_)
