"""Exact conversion of PostgreSQL's text output to Arrow, for what a CSV parser does not take.

Ordinary values are converted by Arrow's kernels. The odd ones (infinity, years beyond 9999, years BC, 24:00) are
converted one by one, but each different text once only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.errors import DataContractError
from retail_medallion.storage.postgres.calendar import MICROSECONDS_OF_A_DAY, days_of

INFINITE_TIMESTAMP = (1 << 63) - 1
MINUS_INFINITE_TIMESTAMP = -(1 << 63)
INFINITE_DATE = (1 << 31) - 1
MINUS_INFINITE_DATE = -(1 << 31)

_TIMESTAMP = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?(\+00)?$"
_DATE = r"^\d{4}-\d\d-\d\d$"
_TIME = r"^([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,6})?$"
_ODD_TIMESTAMP = re.compile(r"(\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:\+00)?( BC)?")
_ODD_DATE = re.compile(r"(\d+)-(\d\d)-(\d\d)( BC)?")


class UnparsableError(ValueError):
    """A text is no value of the type; says why, never which text."""


def from_text(text: pa.Array, wanted: pa.DataType, column: str) -> pa.Array:
    """Convert the text PostgreSQL printed under the wire settings to Arrow, exactly.

    Args:
        text: A string or binary array.
        wanted: The type :func:`~retail_medallion.storage.postgres.types.arrow_type` chose.
        column: The column's name, for messages.

    Raises:
        DataContractError: A value has no place in the type: NaN or Infinity in a decimal, a timestamp after the
            year 294246, an array with several dimensions, bytes that are not UTF-8.
    """
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    try:
        return _convert(text, wanted)
    except (pa.ArrowInvalid, UnparsableError, UnicodeDecodeError, ValueError) as error:
        why = str(error) if isinstance(error, UnparsableError) else _reason(wanted)
    raise DataContractError(
        f"Column {column!r} holds a value that {wanted} cannot carry",
        where=f"column {column!r}",
        why=why,
        fix="cast the column in the query (column::text carries every value), or leave such rows out there",
    )


def _convert(text: pa.Array, wanted: pa.DataType) -> pa.Array:
    if pa.types.is_list(wanted):
        return _lists(text, wanted)
    if pa.types.is_binary(wanted):
        return _bytes(text)
    if wanted == pa.uuid():
        return _uuids(text)
    if not pa.types.is_string(text.type):
        text = text.cast(pa.string())
    if pa.types.is_timestamp(wanted):
        return _numbers(text, _TIMESTAMP, lambda plain: pc.cast(plain, wanted), _odd_timestamp).view(wanted)
    if pa.types.is_date32(wanted):
        return (
            _numbers(text, _DATE, lambda plain: pc.cast(plain, wanted).view(pa.int32()), _odd_date)
            .cast(pa.int32())
            .view(wanted)
        )
    if pa.types.is_time64(wanted):
        return _numbers(text, _TIME, _plain_times, _odd_time).view(wanted)
    if pa.types.is_boolean(wanted):
        return _booleans(text)
    return text if pa.types.is_string(wanted) else pc.cast(text, wanted)


def _numbers(
    text: pa.Array, ordinary: str, kernel: Callable[[pa.Array], pa.Array], odd: Callable[[str], int]
) -> pa.Array:
    """Convert to the 64-bit numbers behind a temporal type: by ``kernel`` where ordinary, else by ``odd``."""
    is_odd = pc.fill_null(pc.invert(pc.match_substring_regex(text, ordinary)), False)  # noqa: FBT003
    numbers = kernel(pc.if_else(is_odd, pa.scalar(None, pa.string()), text))
    numbers = numbers.view(pa.int64()) if not pa.types.is_integer(numbers.type) else numbers.cast(pa.int64())
    odd_texts = text.filter(is_odd)
    if len(odd_texts) == 0:
        return numbers
    different = odd_texts.unique()
    values = pa.array([odd(value) for value in different.to_pylist()], pa.int64())
    return pc.replace_with_mask(numbers, is_odd, values.take(pc.index_in(odd_texts, different)))


def _odd_timestamp(text: str) -> int:
    if text in {"infinity", "-infinity"}:
        return INFINITE_TIMESTAMP if text == "infinity" else MINUS_INFINITE_TIMESTAMP
    found = _ODD_TIMESTAMP.fullmatch(text)
    if not found:
        raise UnparsableError("a value is not printed as an ISO timestamp")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    micro = int((found[7] or "").ljust(6, "0"))
    days = days_of(1 - year if found[8] else year, month, day)
    value = days * MICROSECONDS_OF_A_DAY + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro
    if not MINUS_INFINITE_TIMESTAMP < value < INFINITE_TIMESTAMP:
        raise UnparsableError("a value lies after 294247-01-10, the last moment a 64-bit count since 1970 can name")
    return value


def _odd_date(text: str) -> int:
    if text in {"infinity", "-infinity"}:
        return INFINITE_DATE if text == "infinity" else MINUS_INFINITE_DATE
    found = _ODD_DATE.fullmatch(text)
    if not found:
        raise UnparsableError("a value is not printed as an ISO date")
    year, month, day = map(int, found.groups()[:3])
    return days_of(1 - year if found[4] else year, month, day)


def _odd_time(text: str) -> int:
    if text == "24:00:00":
        return MICROSECONDS_OF_A_DAY
    raise UnparsableError("a value is not printed as an ISO time")


def _plain_times(text: pa.Array) -> pa.Array:
    return pc.cast(pc.binary_join_element_wise("1970-01-01", text, " "), pa.timestamp("us"))


def _booleans(text: pa.Array) -> pa.Array:
    truth = pc.is_in(text, pa.array(["t", "true"]))
    return pc.if_else(pc.is_valid(text), truth, pa.scalar(None, pa.bool_()))


def _uuids(text: pa.Array) -> pa.Array:
    """Convert 36 characters to 16 bytes, all values at once."""
    valid = pc.is_valid(text)
    given = text.drop_null()
    characters = _data_of(given)
    if len(characters) != 36 * len(given):
        raise UnparsableError("a value is not printed as a UUID of 36 characters")
    digits = characters.tobytes().replace(b"-", b"")
    packed = np.zeros((len(text), 16), np.uint8)
    packed[np.asarray(valid)] = np.frombuffer(bytes.fromhex(digits.decode("ascii")), np.uint8).reshape(-1, 16)
    storage = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(text), [_validity(text, valid), pa.py_buffer(packed)]
    )
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def _bytes(text: pa.Array) -> pa.Array:
    r"""Convert ``\x`` and hexadecimal digits to bytes, all values at once."""
    lengths = np.asarray(pc.fill_null(pc.binary_length(text), 2)).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum((lengths - 2) // 2)]).astype(np.int32)
    digits = _data_of(text.drop_null()).tobytes().replace(b"\\x", b"")
    decoded = bytes.fromhex(digits.decode("ascii"))
    buffers = [_validity(text, pc.is_valid(text)), pa.py_buffer(offsets), pa.py_buffer(decoded)]
    return pa.BinaryArray.from_buffers(pa.binary(), len(text), buffers)


def _lists(text: pa.Array, wanted: pa.ListType) -> pa.Array:
    """Convert JSON arrays of texts to lists, the elements by the same rules as a column's values."""
    rows: list[Any] = json.loads(
        b"[" + b",".join(value or b"null" for value in pc.cast(text, pa.binary()).to_pylist()) + b"]"
    )
    if any(isinstance(row, dict) for row in rows):
        raise UnparsableError("an array has several dimensions or does not begin at 1, which a list cannot tell")
    strings = pa.array(rows, pa.list_(pa.string()))
    elements = _convert(strings.values, wanted.value_type)
    return pa.ListArray.from_arrays(strings.offsets, elements, type=wanted, mask=pc.is_null(strings))


def _data_of(array: pa.Array) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Give the characters of a string or binary array, from its first value's to its last value's."""
    if len(array) == 0:
        return np.empty(0, np.uint8)
    _, offset_buffer, data = array.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32, len(array) + 1, array.offset * 4)
    if data is None:
        return np.empty(0, np.uint8)
    return np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]


def _validity(array: pa.Array, valid: pa.Array) -> pa.Buffer | None:
    return None if array.null_count == 0 else pa.array(np.asarray(valid)).buffers()[1]


def _reason(wanted: pa.DataType) -> str:
    if pa.types.is_decimal(wanted):
        return "NaN and Infinity are no decimals, and a decimal keeps to its digits"
    if pa.types.is_string(wanted):
        return "the bytes are not UTF-8; the database's encoding may be SQL_ASCII"
    return f"the text is no {wanted}"
