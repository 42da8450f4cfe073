"""The merge of what was seen of a day before with what is seen of it now: nothing once seen is lost.

Both sides are ordered by the same columns, so they are merged in one pass, window by window. A window ends where both
sides are known completely; memory is bounded by a few batches and the largest single document.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.bronze.block import EXTRACTED_AT, ExtractBlock, Mode
from retail_medallion.errors import DataContractError
from retail_medallion.storage.digest import row_digest

Key: TypeAlias = tuple[Any, ...]

_VOLATILE = (EXTRACTED_AT,)


class _Top:
    """A value that orders after all ordinary ones, as NaN and NULL do in the database."""

    def __init__(self, rank: int) -> None:
        self._rank = rank

    def __lt__(self, other: object) -> bool:
        return isinstance(other, _Top) and self._rank < other._rank

    def __gt__(self, other: object) -> bool:
        return not isinstance(other, _Top) or self._rank > other._rank


_NAN = _Top(1)
_NULL = _Top(2)


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """Make one array of plain storage type out of a column."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _as_integers(array: pa.Array) -> pa.Array:
    """View instants, dates and floats as the integers they are made of; other types stay."""
    widths = {32: pa.int32(), 64: pa.int64()}
    if pa.types.is_temporal(array.type) or pa.types.is_floating(array.type):
        wanted = widths.get(array.type.bit_width)
        return array if wanted is None else array.view(wanted)
    return array


def _comparable(column: pa.ChunkedArray) -> list[Any]:
    """Turn a key column into Python values that order as the database orders them."""
    array = _plain(column)
    if pa.types.is_floating(array.type):
        return [_NULL if value is None else _NAN if math.isnan(value) else value for value in array.to_pylist()]
    # Python's own types cannot hold every instant, so these are compared as integers.
    values: list[Any] = _as_integers(array).to_pylist()
    return [_NULL if value is None else value for value in values] if array.null_count else values


def _keys(table: pa.Table, names: Sequence[str]) -> list[Key]:
    return list(zip(*(_comparable(table.column(name)) for name in names), strict=True))


class _Side:
    """One ordered stream: what has been read of it and not yet been merged."""

    def __init__(self, reader: pa.RecordBatchReader, group: Sequence[str]) -> None:
        self._batches = iter(reader)
        self._names = group
        self.table: pa.Table = reader.schema.empty_table()
        self.groups: list[Key] = []
        self.exhausted = False

    def read(self) -> None:
        for batch in self._batches:
            if not batch.num_rows:
                continue
            more = pa.Table.from_batches([batch])
            groups = _keys(more, self._names)
            if any(left > right for left, right in pairwise([*self.groups[-1:], *groups])):
                raise DataContractError(
                    f"Rows are not ordered by {', '.join(self._names)}.",
                    why="The object was not written by an extract, or the key of the extract has changed since.",
                    fix="Move the object away and extract the day anew.",
                )
            self.table = pa.concat_tables([self.table, more])
            self.groups += groups
            return
        self.exhausted = True

    def require_row(self) -> None:
        while not self.groups and not self.exhausted:
            self.read()

    def cut(self, count: int) -> tuple[pa.Table, list[Key]]:
        table, groups = self.table.slice(0, count), self.groups[:count]
        self.table, self.groups = self.table.slice(count), self.groups[count:]
        return table, groups


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
    return pa.RecordBatchReader.from_batches(
        new.schema, _merged(_Side(old, block.group), _Side(new, block.group), block)
    )


def _merged(old: _Side, new: _Side, block: ExtractBlock) -> Iterator[pa.RecordBatch]:
    while True:
        old.require_row()
        new.require_row()
        if not old.groups and not new.groups:
            return
        ends = [side.groups[-1] for side in (old, new) if not side.exhausted]
        if not ends:
            counts = len(old.groups), len(new.groups)
        else:
            # More rows of the last group may follow, so a window ends before it.
            counts = bisect_left(old.groups, min(ends)), bisect_left(new.groups, min(ends))
        if not any(counts):
            for side in (old, new):
                if not side.exhausted and side.groups[-1] == min(ends):
                    side.read()
            continue
        yield from _Window(*old.cut(counts[0]), *new.cut(counts[1]), block).merged().to_batches()


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
            keys = _keys(self._new, self._block.order)
            if _keys(self._old, self._block.order) != keys:
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
                old_end, new_end = _group_end(old, i), _group_end(new, j)
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
        old_keys, new_keys = _keys(self._old, self._block.order), _keys(self._new, self._block.order)

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


def _group_end(groups: list[Key], start: int) -> int:
    end = start + 1
    while end < len(groups) and groups[end] == groups[start]:
        end += 1
    return end


def _digest(table: pa.Table, row: int) -> str:
    return row_digest(table.slice(row, 1).combine_chunks().to_batches()[0], 0, volatile=_VOLATILE)


def _same_rows(left: pa.Table, right: pa.Table) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell for each row whether both tables hold the same there, apart from when it was extracted."""
    same = np.ones(left.num_rows, dtype=np.bool_)
    for name in left.column_names:
        if name not in _VOLATILE:
            same &= _same_values(_plain(left.column(name)), _plain(right.column(name)))
    return same


def _same_values(left: pa.Array, right: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    left, right = _as_integers(left), _as_integers(right)
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
