"""What happens when the source's columns are no longer those of the object written before."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from retail_medallion.errors import SchemaDriftError


def _digits_before_point(data_type: pa.DataType) -> int:
    return int(data_type.precision - data_type.scale)


def widens(old: pa.DataType, new: pa.DataType) -> bool:
    """Tell whether every value of one type has the same value in another."""
    if old.equals(new):
        return True
    if pa.types.is_signed_integer(old) and pa.types.is_signed_integer(new):
        return bool(new.bit_width >= old.bit_width)
    if pa.types.is_decimal(old) and pa.types.is_decimal(new):
        return bool(new.scale >= old.scale and _digits_before_point(new) >= _digits_before_point(old))
    return bool(pa.types.is_float32(old) and pa.types.is_float64(new))


def check_evolution(old: pa.Schema, new: pa.Schema, *, where: str) -> None:
    """Refuse a change of columns that would lose something that the old rows hold.

    New columns are accepted (old rows get NULL), and so are types that hold every old value. Dropped columns and other
    changes of type are not.

    Raises:
        SchemaDriftError: Names the first such column, what was expected and what was found.
    """
    for field in old:
        position = new.get_field_index(field.name)
        if position < 0:
            raise SchemaDriftError(
                f"Column {field.name!r} is gone from the source.",
                where=where,
                why=f"expected {field.name} {field.type} as in the rows extracted before, found no such column; "
                "merging would lose what those rows hold",
                fix=f"Keep the column in the extract (as NULL::type AS {field.name} in a query), "
                "or move the object away and extract the day anew.",
            )
        found = new.field(position).type
        if not widens(field.type, found):
            raise SchemaDriftError(
                f"Column {field.name!r} changed its type.",
                where=where,
                why=f"expected {field.type}, found {found}; not every value of the one has a place in the other",
                fix="Cast the column in a query to its former type, or move the object away and extract the day anew.",
            )


def evolve(reader: pa.RecordBatchReader, schema: pa.Schema) -> pa.RecordBatchReader:
    """Give rows extracted before the columns and types of today; `check_evolution` has accepted the change."""
    if reader.schema.equals(schema):
        return reader

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            yield pa.RecordBatch.from_arrays([_column(batch, field) for field in schema], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    position = batch.schema.get_field_index(field.name)
    if position < 0:
        return pa.nulls(batch.num_rows, field.type)
    column = batch.column(position)
    return column if column.type.equals(field.type) else column.cast(field.type)
