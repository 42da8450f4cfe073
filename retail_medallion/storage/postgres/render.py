"""Arrow values as the text PostgreSQL reads, for what has no binary form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.errors import DataContractError
from retail_medallion.storage.postgres.calendar import MICROSECONDS_OF_A_DAY, date_of, days_of
from retail_medallion.storage.postgres.parse import (
    INFINITE_DATE,
    INFINITE_TIMESTAMP,
    MINUS_INFINITE_DATE,
    MINUS_INFINITE_TIMESTAMP,
)

_FIRST_DAY = days_of(1, 1, 1)
_LAST_DAY = days_of(9999, 12, 31)
_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


def text_rows(batch: pa.RecordBatch) -> bytes:
    r"""Render a batch as rows of COPY's text format: tab between values, ``\N`` for NULL, one line a row."""
    columns = [_escaped(_column_text(name, batch.column(name))) for name in batch.schema.names]
    lines = pc.binary_join_element_wise(*columns, "\t", null_handling="replace", null_replacement="\\N")
    text = pc.binary_join_element_wise(lines, "", "\n").cast(pa.large_binary())
    return b"".join(text.to_pylist())


def _column_text(name: str, values: pa.Array) -> pa.Array:
    try:
        return to_text(values)
    except ValueError as error:
        why = str(error)
    raise DataContractError(
        f"Column {name!r} holds a value PostgreSQL does not have", where=f"column {name!r}", why=why, fix="round it"
    )


def to_text(values: pa.Array) -> pa.Array:
    """Render each value so that PostgreSQL reads exactly it; NULL stays NULL."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return to_text(values.storage) if kind != pa.uuid() else _each(values.storage, bytes.hex)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(values)
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_interval(kind):
        return _moments(values)
    if pa.types.is_duration(kind):
        return pc.binary_join_element_wise(pc.cast(values.view(pa.int64()), pa.string()), "microseconds", " ")
    if pa.types.is_interval(kind):
        return _each(values, _interval_text)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _each(values, lambda value: "\\x" + value.hex())
    return pc.cast(values, pa.string())


def _moments(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_date32(kind):
        return _temporal(values, pa.int32(), _FIRST_DAY, _LAST_DAY, _date_text)
    if pa.types.is_time64(kind):
        return _temporal(values, pa.int64(), 0, MICROSECONDS_OF_A_DAY - 1, lambda _: "24:00:00")
    first, last = _FIRST_DAY * MICROSECONDS_OF_A_DAY, (_LAST_DAY + 1) * MICROSECONDS_OF_A_DAY - 1
    return _temporal(values, pa.int64(), first, last, lambda number: _timestamp_text(number, "Z" if kind.tz else ""))


def _escaped(text: pa.Array) -> pa.Array:
    for character, escape in _ESCAPES:
        text = pc.replace_substring(text, character, escape)
    return text


def _each(values: pa.Array, render: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else render(value) for value in values.to_pylist()], pa.string())


def _temporal(values: pa.Array, storage: pa.DataType, first: int, last: int, odd: Callable[[int], str]) -> pa.Array:
    """Render by kernel where the value is between ``first`` and ``last``, else each different value by ``odd``."""
    numbers = values.view(storage)
    is_odd = pc.fill_null(pc.or_(pc.less(numbers, first), pc.greater(numbers, last)), False)  # noqa: FBT003
    text = pc.cast(pc.if_else(is_odd, pa.scalar(None, values.type), values), pa.string())
    odd_numbers = numbers.filter(is_odd)
    if len(odd_numbers) == 0:
        return text
    different = odd_numbers.unique()
    rendered = pa.array([odd(number) for number in different.to_pylist()], pa.string())
    return pc.replace_with_mask(text, is_odd, rendered.take(pc.index_in(odd_numbers, different)))


def _timestamp_text(number: int, zone: str) -> str:
    if number in {INFINITE_TIMESTAMP, MINUS_INFINITE_TIMESTAMP}:
        return "infinity" if number > 0 else "-infinity"
    days, micro = divmod(number, MICROSECONDS_OF_A_DAY)
    second, micro = divmod(micro, 1_000_000)
    day, era = _day_and_era(days)
    return f"{day} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{micro:06}{zone}{era}"


def _date_text(number: int) -> str:
    if number in {INFINITE_DATE, MINUS_INFINITE_DATE}:
        return "infinity" if number > 0 else "-infinity"
    return "".join(_day_and_era(number))


def _day_and_era(days: int) -> tuple[str, str]:
    """Name a day the way PostgreSQL does, with ``BC`` for years before 1."""
    year, month, day = date_of(days)
    return (f"{year:04}-{month:02}-{day:02}", "") if year > 0 else (f"{1 - year:04}-{month:02}-{day:02}", " BC")


def _interval_text(value: Any) -> str:
    micro, rest = divmod(value.nanoseconds, 1000)
    if rest:
        raise ValueError("an interval with nanoseconds, which PostgreSQL does not have")
    return f"{value.months} months {value.days} days {micro} microseconds"


def _lists(values: pa.Array) -> pa.Array:
    values = values.cast(pa.large_list(values.type.value_type))
    elements = to_text(values.flatten()).to_pylist()
    rendered: list[str | None] = []
    position = 0
    for length in pc.list_value_length(values).to_pylist():
        if length is None:
            rendered.append(None)
            continue
        rendered.append("{" + ",".join(map(_element, elements[position : position + length])) + "}")
        position += length
    return pa.array(rendered, pa.string())


def _element(text: str | None) -> str:
    return "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
