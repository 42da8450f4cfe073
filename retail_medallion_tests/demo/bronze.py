"""A source's rows as one Bronze object per block would hold them, without S3 and Dagster in between."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg2
import pyarrow as pa

from retail_medallion.bronze.block import EXTRACTED_AT, ExtractBlock, Mode
from retail_medallion.bronze.query import plan_extract
from retail_medallion.mapping import Block, Mapping
from retail_medallion.silver.transform import BronzeInput
from retail_medallion.storage.postgres.copy_out import read_query


def bronze_of(connection: psycopg2.extensions.connection, block: Block, extracted_at: datetime) -> BronzeInput:
    extract = block.extract
    plan = plan_extract(
        connection,
        ExtractBlock(
            name=block.name,
            mode=Mode(extract.mode),
            key=extract.key,
            table=extract.table,
            query=extract.query,
            watermark=extract.watermark,
            document=extract.document,
        ),
    )
    table = read_query(connection, plan.select(None)).read_all()
    field = pa.field(EXTRACTED_AT, pa.timestamp("us", "UTC"), nullable=False)
    table = table.append_column(field, pa.array([extracted_at] * len(table), field.type))
    return BronzeInput(block=block, schema=table.schema, open=table.to_reader, observed=True, rows=len(table))


def everything(connection: psycopg2.extensions.connection, mapping: Mapping) -> dict[str, BronzeInput]:
    """All blocks of a source by `entity/block`."""
    at = datetime(2026, 7, 1, 6, tzinfo=UTC)
    return {
        f"{entity}/{block.name}": bronze_of(connection, block, at)
        for entity, blocks in mapping.entities.items()
        for block in blocks
    }
