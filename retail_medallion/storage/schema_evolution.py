"""Rows written under one schema, read under a later one: what may change, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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


def common_schema(schemas: Iterable[tuple[str, pa.Schema]]) -> pa.Schema:
    """Find the schema that holds the rows of all of these, later ones giving names, order and metadata.

    A column that only some have is NULL in the others; a type gives way to one that holds all its values.

    Args:
        schemas: Pairs of a place, named in errors, and the schema found there.

    Raises:
        SchemaDriftError: Two types of one column have no type in common.
    """
    fields: dict[str, pa.Field] = {}
    places: dict[str, str] = {}
    for place, schema in schemas:
        for field in schema:
            before = fields.get(field.name)
            if before is None or widens(before.type, field.type):
                fields[field.name], places[field.name] = field, place
            elif not widens(field.type, before.type):
                raise SchemaDriftError(
                    f"Column {field.name!r} is not of one type.",
                    where=place,
                    why=f"expected {before.type} as in {places[field.name]}, found {field.type}",
                    fix="Read the objects one by one, or write one of them again with the type of the other.",
                )
    return pa.schema(fields.values())


def evolve(reader: pa.RecordBatchReader, schema: pa.Schema) -> pa.RecordBatchReader:
    """Give rows written earlier the columns and types of a schema that has accepted theirs."""
    if reader.schema.equals(schema, check_metadata=True):
        return reader
    return pa.RecordBatchReader.from_batches(schema, evolved_batches(reader, schema))


def evolved_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Do what `evolve` does, batch by batch."""
    for batch in batches:
        yield pa.RecordBatch.from_arrays([_column(batch, field) for field in schema], schema=schema)


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    position = batch.schema.get_field_index(field.name)
    if position < 0:
        return pa.nulls(batch.num_rows, field.type)
    column = batch.column(position)
    return column if column.type.equals(field.type) else column.cast(field.type)
