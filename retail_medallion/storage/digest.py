"""A digest of the rows of a stream: the same rows give the same digest, however they were cut into batches.

Every column is hashed as a few streams (positions of NULLs, lengths, values), so that batch boundaries leave no trace
and whole buffers go to the hash function at once. What lies under a NULL is left out: it is never defined.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa

from retail_medallion.errors import DataContractError

# Parquet readers add this to the metadata of a field; it says nothing about the rows.
_READER_METADATA_PREFIX = b"PARQUET:"


def _own_metadata(field: pa.Field) -> dict[str, str]:
    return {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in sorted((field.metadata or {}).items())
        if not key.startswith(_READER_METADATA_PREFIX)
    }


def describe_field(field: pa.Field) -> dict[str, Any]:
    """Describe one field for the digest: name, type, whether it may be NULL, and its own metadata."""
    return {
        "name": field.name,
        "type": str(field.type),
        "nullable": field.nullable,
        "metadata": _own_metadata(field),
    }


def _is_variable(data_type: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    return any(test(data_type) for test in tests)


def _is_list(data_type: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_map)
    return any(test(data_type) for test in tests)


class _ColumnDigest:
    """The hash streams of one column and, for nested types, of its children."""

    def __init__(self, data_type: pa.DataType) -> None:
        self._type = data_type
        self._count = 0
        self._nulls = hashlib.sha256()
        self._lengths = hashlib.sha256()
        self._values = hashlib.sha256()
        self._children: list[_ColumnDigest] = []
        if isinstance(data_type, pa.BaseExtensionType):
            self._children = [_ColumnDigest(data_type.storage_type)]
        elif pa.types.is_dictionary(data_type):
            self._children = [_ColumnDigest(data_type.value_type)]
        elif pa.types.is_map(data_type):
            self._children = [_ColumnDigest(data_type.key_type), _ColumnDigest(data_type.item_type)]
        elif _is_list(data_type):
            self._children = [_ColumnDigest(data_type.value_type)]
        elif pa.types.is_struct(data_type):
            self._children = [_ColumnDigest(data_type.field(i).type) for i in range(data_type.num_fields)]

    def update(self, array: pa.Array) -> None:
        data_type = self._type
        if isinstance(data_type, pa.BaseExtensionType):
            self._children[0].update(array.storage)
            return
        if pa.types.is_dictionary(data_type):
            self._children[0].update(array.dictionary_decode())
            return
        if array.null_count:
            positions = np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).astype("<i8")
            self._nulls.update((positions + self._count).tobytes())
        self._count += len(array)
        if pa.types.is_null(data_type):
            return
        present = array.drop_null() if array.null_count else array
        if _is_variable(data_type):
            self._update_variable(present)
        elif pa.types.is_struct(data_type):
            for child, digest in zip(present.flatten(), self._children, strict=True):
                digest.update(child)
        elif _is_list(data_type):
            self._update_list(present)
        else:
            self._update_fixed(present)

    def _update_variable(self, array: pa.Array) -> None:
        if not len(array):
            return
        wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
        kind = np.dtype("<i8") if wide else np.dtype("<i4")
        _, offsets_buffer, data = array.buffers()
        offsets = np.frombuffer(offsets_buffer, dtype=kind, count=len(array) + 1, offset=array.offset * kind.itemsize)
        self._lengths.update(np.diff(offsets).astype("<u4").tobytes())
        if data is not None:
            self._values.update(memoryview(data)[int(offsets[0]) : int(offsets[-1])])

    def _update_list(self, array: pa.Array) -> None:
        if pa.types.is_map(array.type):
            offsets = array.offsets.to_numpy()
            start, stop = int(offsets[0]), int(offsets[-1])
            self._lengths.update(np.diff(offsets).astype("<u4").tobytes())
            self._children[0].update(array.keys.slice(start, stop - start))
            self._children[1].update(array.items.slice(start, stop - start))
            return
        self._lengths.update(array.value_lengths().to_numpy(zero_copy_only=False).astype("<u4").tobytes())
        self._children[0].update(array.flatten())

    def _update_fixed(self, array: pa.Array) -> None:
        if pa.types.is_boolean(array.type):
            array = array.cast(pa.uint8())
        try:
            width = array.type.bit_width // 8
        except ValueError as error:
            raise DataContractError(
                f"Rows of type {array.type} cannot be digested.",
                fix="Cast the column to a type that Parquet can carry.",
            ) from error
        if len(array):
            start = array.offset * width
            self._values.update(memoryview(array.buffers()[1])[start : start + len(array) * width])

    def state(self) -> list[Any]:
        return [
            self._count,
            self._nulls.hexdigest(),
            self._lengths.hexdigest(),
            self._values.hexdigest(),
            [child.state() for child in self._children],
        ]


class ContentDigest:
    """Digest of a stream of record batches, in order.

    Args:
        schema: The stream's schema; names, types and field metadata are part of the digest.
        volatile: Names of columns that are left out because they differ from one extract of the same rows to the next.
    """

    def __init__(self, schema: pa.Schema, *, volatile: Collection[str] = ()) -> None:
        self._positions = [i for i, name in enumerate(schema.names) if name not in volatile]
        self._fields = [describe_field(schema.field(i)) for i in self._positions]
        self._columns = [_ColumnDigest(schema.field(i).type) for i in self._positions]
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch that has the schema given to the constructor."""
        for position, column in zip(self._positions, self._columns, strict=True):
            column.update(batch.column(position))
        self.rows += batch.num_rows

    def hexdigest(self) -> str:
        """Return the digest of all rows so far, 64 hexadecimal digits."""
        state = {"fields": self._fields, "rows": self.rows, "columns": [column.state() for column in self._columns]}
        return hashlib.sha256(json.dumps(state, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()


def row_digest(batch: pa.RecordBatch, position: int, *, volatile: Collection[str] = ()) -> str:
    """Digest one row, to tell whether two rows hold the same."""
    digest = ContentDigest(batch.schema, volatile=volatile)
    digest.update(batch.slice(position, 1))
    return digest.hexdigest()
