"""Two streams of rows ordered by the same columns, walked side by side.

They are cut into windows. A window ends where both sides are known completely, so that whoever walks them needs the
memory of a few batches and of the rows of one key.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import pyarrow as pa

from retail_medallion.errors import DataContractError

Key: TypeAlias = tuple[Any, ...]


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


def plain(column: pa.ChunkedArray) -> pa.Array:
    """Make one array of plain storage type out of a column."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def as_integers(array: pa.Array) -> pa.Array:
    """View instants, dates and floats as the integers they are made of; other types stay."""
    widths = {32: pa.int32(), 64: pa.int64()}
    if pa.types.is_temporal(array.type) or pa.types.is_floating(array.type):
        wanted = widths.get(array.type.bit_width)
        return array if wanted is None else array.view(wanted)
    return array


def _comparable(column: pa.ChunkedArray) -> list[Any]:
    """Turn a key column into Python values that order as the database orders them."""
    array = plain(column)
    if pa.types.is_floating(array.type):
        return [_NULL if value is None else _NAN if math.isnan(value) else value for value in array.to_pylist()]
    # Python's own types cannot hold every instant, so these are compared as integers.
    values: list[Any] = as_integers(array).to_pylist()
    return [_NULL if value is None else value for value in values] if array.null_count else values


def keys_of(table: pa.Table, names: Sequence[str]) -> list[Key]:
    """The key of each row, as values that order as the database orders them."""
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
            groups = keys_of(more, self._names)
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


@dataclass(frozen=True)
class Window:
    """The rows of both sides for a range of keys that is complete on both, and the key of each row."""

    old: pa.Table
    old_keys: list[Key]
    new: pa.Table
    new_keys: list[Key]


def windows(old: pa.RecordBatchReader, new: pa.RecordBatchReader, key: Sequence[str]) -> Iterator[Window]:
    """Walk two streams side by side.

    Args:
        old: One stream.
        new: The other.
        key: Columns by which both are ordered, as the database orders them.

    Raises:
        DataContractError: A stream is not ordered so.
    """
    left, right = _Side(old, key), _Side(new, key)
    while True:
        left.require_row()
        right.require_row()
        if not left.groups and not right.groups:
            return
        ends = [side.groups[-1] for side in (left, right) if not side.exhausted]
        if not ends:
            counts = len(left.groups), len(right.groups)
        else:
            # More rows of the last key may follow, so a window ends before it.
            counts = bisect_left(left.groups, min(ends)), bisect_left(right.groups, min(ends))
        if not any(counts):
            for side in (left, right):
                if not side.exhausted and side.groups[-1] == min(ends):
                    side.read()
            continue
        yield Window(*left.cut(counts[0]), *right.cut(counts[1]))


def group_end(groups: Sequence[Key], start: int) -> int:
    """Position after the last row of the key that begins at `start`."""
    end = start + 1
    while end < len(groups) and groups[end] == groups[start]:
        end += 1
    return end
