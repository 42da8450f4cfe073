"""How each Arrow column travels into a PostgreSQL column: in binary, or as text where no binary form is at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pgpq.encoders
import pgpq.schema
import pyarrow as pa
import pyarrow.compute as pc

from retail_medallion.errors import DataContractError, SchemaDriftError
from retail_medallion.storage.postgres.parse import (
    INFINITE_DATE,
    INFINITE_TIMESTAMP,
    MINUS_INFINITE_DATE,
    MINUS_INFINITE_TIMESTAMP,
)
from retail_medallion.storage.postgres.types import NAIVE_TIMESTAMP, UTC_TIMESTAMP, PostgresType, arrow_type

# Types whose receive function takes the characters as they are.
_TEXT_LIKE = ("text", "varchar", "bpchar", "name", "xml", "json")
_INTEGERS = ("int2", "int4", "int8")
# pgpq writes the element type's oid into an array; for these it writes the one PostgreSQL expects.
_BINARY_ELEMENTS = ("bool", *_INTEGERS, "float4", "float8", "numeric", "text", "date", "timestamp", "jsonb")
_INT64_DIGITS = 19


@dataclass(frozen=True)
class ColumnPlan:
    """How one column is sent.

    Attributes:
        name: The column, in the stream and in the table.
        target: The column's PostgreSQL type.
        wire: The Arrow type values are cast to before they are sent; the cast fails rather than lose anything.
        binary: Whether ``wire`` has a binary form that PostgreSQL reads as ``target``.
    """

    name: str
    target: PostgresType
    wire: pa.DataType
    binary: bool

    def prepare(self, values: pa.Array) -> pa.Array:
        """Cast to ``wire``.

        Raises:
            DataContractError: A value has no exact equivalent in the column's type.
        """
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if values.type == self.wire:
            return values
        if isinstance(values.type, pa.BaseExtensionType):
            values = values.storage
        if self.wire == pa.uuid():
            return pa.ExtensionArray.from_storage(self.wire, values.cast(pa.binary(16)))
        try:
            return pc.cast(values, self.wire)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            reason = f"a value of type {values.type} is no {self.wire} without losing something"
        raise DataContractError(
            f"Column {self.name!r} holds a value its column in PostgreSQL cannot",
            where=f"column {self.name!r} {self.target.text}",
            why=reason,
            fix="widen the column, or round or cast the value where it is made",
        )

    def encoder(self) -> Any:
        """Make pgpq's encoder for a column planned as binary."""
        field = pa.field(self.name, self.wire)
        if self.target.is_builtin("jsonb"):
            return _json_encoder(field)
        if self.target.element is not None and self.target.element.is_builtin("jsonb"):
            inner = _json_encoder(pa.field("item", self.wire.value_type))
            return pgpq.encoders.ListEncoderBuilder.new_with_inner(field, inner)
        return pgpq.ArrowToPostgresBinaryEncoder.infer_encoder(field)

    def has_infinity(self, values: pa.Array) -> bool:
        """Tell whether a prepared array holds an infinite date or timestamp, which binary encoding would shift."""
        if pa.types.is_list(values.type):
            values = values.flatten()
        if pa.types.is_timestamp(values.type):
            extremes = pc.min_max(values.view(pa.int64()))
            infinities = (MINUS_INFINITE_TIMESTAMP, INFINITE_TIMESTAMP)
        elif pa.types.is_date32(values.type):
            extremes = pc.min_max(values.view(pa.int32()))
            infinities = (MINUS_INFINITE_DATE, INFINITE_DATE)
        else:
            return False
        return bool(extremes["min"].as_py() == infinities[0] or extremes["max"].as_py() == infinities[1])


def plan_column(name: str, given: pa.DataType, target: PostgresType) -> ColumnPlan:
    """Decide how an Arrow column goes into a PostgreSQL column.

    Raises:
        SchemaDriftError: The two types do not fit: a float for a numeric, a naive timestamp for one with a zone, a
            number for a text. Nothing is converted by guessing.
    """
    if pa.types.is_dictionary(given):
        given = given.value_type
    if isinstance(given, pa.BaseExtensionType):
        given = given.storage_type
    wire = _list_wire(given, target.element) if target.element is not None else _wire(given, target)
    if wire is None:
        raise SchemaDriftError(
            f"Column {name!r} does not fit the table",
            where=f"column {name!r}",
            why=f"the table has {target.text}, the data has {given}",
            fix="cast the column where it is made, or change the table",
        )
    return ColumnPlan(name, target, wire, _is_binary(wire, target))


def _wire(given: pa.DataType, target: PostgresType) -> pa.DataType | None:
    """Find the Arrow type to send a scalar as, or None where the types do not fit."""
    expected = arrow_type(target)
    if pa.types.is_null(given):
        return expected
    if target.is_builtin("numeric"):
        return _numeric_wire(given, expected)
    if target.is_builtin("interval") and (pa.types.is_duration(given) or pa.types.is_interval(given)):
        return pa.duration("us") if pa.types.is_duration(given) else given
    if target.is_builtin("uuid"):
        return pa.string() if _is_string(given) else (pa.uuid() if given == pa.binary(16) else None)
    for fits, sent in _FITS:
        if sent == expected:
            return sent if fits(given) else None
    return None


def _numeric_wire(given: pa.DataType, expected: pa.DataType) -> pa.DataType | None:
    if pa.types.is_integer(given):
        return expected if pa.types.is_decimal(expected) else pa.decimal128(_INT64_DIGITS + 1, 0)
    if pa.types.is_decimal(given):
        return expected if pa.types.is_decimal(expected) else given
    return expected if _is_string(given) else None


def _list_wire(given: pa.DataType, element: PostgresType) -> pa.DataType | None:
    if pa.types.is_null(given):
        return pa.list_(pa.string())
    if not (pa.types.is_list(given) or pa.types.is_large_list(given) or pa.types.is_fixed_size_list(given)):
        return pa.string() if _is_string(given) else None
    inner = given.value_type
    if isinstance(inner, pa.BaseExtensionType):
        inner = inner.storage_type
    if _is_string(inner) and element.is_builtin("bytea", "uuid"):
        return pa.list_(pa.string())
    wire = _wire(inner, element)
    return None if wire is None else pa.list_(wire)


def _is_binary(wire: pa.DataType, target: PostgresType) -> bool:
    if pa.types.is_decimal256(wire) or pa.types.is_interval(wire):
        return False
    element = target.element
    if element is not None:
        return pa.types.is_list(wire) and element.is_builtin(*_BINARY_ELEMENTS) and _is_binary(wire.value_type, element)
    if pa.types.is_string(wire):
        return target.kind == "e" or target.is_builtin(*_TEXT_LIKE, "jsonb")
    return True


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


_FITS: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_integer, pa.int16()),
    (pa.types.is_integer, pa.int32()),
    (pa.types.is_integer, pa.int64()),
    (lambda given: given in (pa.float32(), pa.float16()), pa.float32()),
    (lambda given: pa.types.is_floating(given) or pa.types.is_integer(given), pa.float64()),
    (_is_string, pa.string()),
    (_is_bytes, pa.binary()),
    (pa.types.is_date, pa.date32()),
    (pa.types.is_time, pa.time64("us")),
    (lambda given: pa.types.is_timestamp(given) and given.tz is None, NAIVE_TIMESTAMP),
    (lambda given: pa.types.is_timestamp(given) and given.tz is not None, UTC_TIMESTAMP),
)


def _json_encoder(field: pa.Field) -> Any:
    return pgpq.encoders.StringEncoderBuilder.new_with_output(field, pgpq.schema.Jsonb())
