"""What accepted rows look like in Arrow."""

from __future__ import annotations

import pyarrow as pa

from retail_medallion.model import Entity


def accepted_schema(entity: Entity) -> pa.Schema:
    """Arrow columns of accepted rows: the key, the business columns, and what tells where they come from."""
    business = sorted(entity, key=lambda column: column.name != entity.key)
    return pa.schema(
        [
            *((column.name, arrow_type(column.type)) for column in business),
            ("is_deleted", pa.bool_()),
            ("deleted_at", arrow_type("timestamptz")),
            ("source_created_at", arrow_type("timestamptz")),
            ("source_updated_at", arrow_type("timestamptz")),
            ("op", pa.string()),
            ("record_hash", pa.binary(16)),
            ("bronze_row", pa.int64()),
            ("ingested_at", arrow_type("timestamptz")),
            ("dq_flags", pa.list_(pa.string())),
            ("extras", pa.string()),
        ]
    )


def arrow_type(postgres_type: str) -> pa.DataType:
    """The Arrow type that carries values of a PostgreSQL type of the model."""
    exact = {
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "integer": pa.int32(),
        "text[]": pa.list_(pa.string()),
        "timestamptz": pa.timestamp("us", "UTC"),
        "uuid": pa.binary(16),
    }
    if postgres_type.startswith("numeric"):
        precision, scale = postgres_type.removeprefix("numeric(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return exact.get(postgres_type, pa.string())


def as_declared(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch with the types of a schema."""
    columns = [
        column if column.type == wanted.type else column.cast(wanted.type)
        for column, wanted in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
