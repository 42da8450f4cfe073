"""A hash per row, by which two rows are told to hold the same without keeping either.

Of every value the exact content is hashed: bits of floats, digits of decimals, microseconds; never a printed form. Each
is written so that it cannot be taken for another (present or not, its length, its bytes), and columns go by name, so
that neither their order nor a batch's size leaves a trace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.errors import DataContractError

HASH_BYTES = 16
HASH_TYPE = pa.binary(HASH_BYTES)
HASH_VERSION = "1"
"""Stands beside stored hashes; hashes of another version compare with none."""


def row_hashes(batch: pa.RecordBatch, *, without: Collection[str] = ()) -> pa.Array:
    """Hash each row to 128 bits.

    Args:
        batch: The rows.
        without: Columns that do not count.

    Returns:
        One `HASH_TYPE` per row, never NULL.
    """
    names = sorted(name for name in batch.schema.names if name not in without)
    parts = [part for name in names for part in _parts(batch.column(name))]
    written = _joined(parts, batch.num_rows)
    hashes = [hashlib.blake2b(row, digest_size=HASH_BYTES).digest() for row in written.to_pylist()]
    return pa.array(hashes, HASH_TYPE)


def _joined(parts: list[pa.Array], rows: int) -> pa.Array:
    if not parts:
        return pa.array([b""] * rows, pa.large_binary())
    # What lies under a NULL is never defined, and left out.
    nothing = pa.scalar(b"", pa.large_binary())
    return pc.binary_join_element_wise(*parts, nothing, null_handling="replace", null_replacement=b"")


def _parts(array: pa.Array) -> list[pa.Array]:
    """Bytes that say of each value whether it is there, how long it is, and what it is."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    present = _bytes_of(array.is_valid().cast(pa.uint8()))
    if pa.types.is_null(array.type):
        return [present]
    if pa.types.is_struct(array.type):
        return [present, *(part for child in array.flatten() for part in _parts(child))]
    return [present, *(_of_list(array) if _is_list(array.type) else _of_value(array))]


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _of_list(array: pa.Array) -> list[pa.Array]:
    """The number of elements, then the elements, each of which says its own length."""
    values = array.flatten()
    elements = _joined(_parts(values), len(values))
    # Offsets into the elements of this array alone: a slice begins somewhere within its child.
    lengths = pc.fill_null(array.value_lengths(), 0).cast(pa.int64())
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    joined = pc.binary_join(pa.LargeListArray.from_arrays(offsets, elements), pa.scalar(b"", pa.large_binary()))
    return [_bytes_of(lengths), joined]


def _of_value(array: pa.Array) -> list[pa.Array]:
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        value = array.cast(pa.large_string()).view(pa.large_binary())
        return [_bytes_of(pc.binary_length(value)), value]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        value = array.cast(pa.large_binary())
        return [_bytes_of(pc.binary_length(value)), value]
    return [_bytes_of(array.cast(pa.uint8()) if pa.types.is_boolean(kind) else array)]


def _bytes_of(array: pa.Array) -> pa.Array:
    """The bytes a value of fixed width is made of."""
    try:
        width = array.type.bit_width // 8
    except ValueError as error:
        raise DataContractError(
            f"Rows of type {array.type} cannot be compared.",
            fix="Cast the column to text in the extract's `query`.",
        ) from error
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(array), array.buffers()[:2], offset=array.offset)
    return fixed.cast(pa.large_binary())
