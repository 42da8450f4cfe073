"""Bronze assets: one per (source, entity), extracted under one snapshot of the source.

What belongs here: how extraction is hung into Dagster. What does not: how a row is found or merged (bronze), how an
object is written (storage).
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import dagster as dg

from retail_medallion import config
from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.bronze.extract import extract
from retail_medallion.mapping import Block, Mapping
from retail_medallion.mapping import column_lineage as mapped_columns
from retail_medallion.mapping.guard import guard
from retail_medallion.model import Entity
from retail_medallion.orchestration import column_lineage, keys
from retail_medallion.orchestration.partitions import DAILY, RANGE_IN_ONE_RUN, days_asked_for
from retail_medallion.orchestration.resources import SourceSnapshots
from retail_medallion.storage.object_keys import ObjectKeys
from retail_medallion.storage.partitioned import PartitionData, PartitionedOutput
from retail_medallion.storage.s3_parquet_io_manager import S3ParquetIOManager


def extract_block(block: Block) -> ExtractBlock:
    """What the mapping says about an extract, as extraction takes it."""
    return ExtractBlock(
        name=block.name,
        mode=Mode(block.extract.mode),
        key=block.extract.key,
        table=block.extract.table,
        query=block.extract.query,
        watermark=block.extract.watermark,
        document=block.extract.document,
    )


def _reads(mapping: Mapping, block: Block) -> dict[str, str]:
    """Columns of the extract that its rows are found, told apart or made by, each with the place that says so."""
    places: dict[str, str] = {}
    for edge in mapped_columns(mapping, block):
        if edge.target == "*":
            path: tuple[str, ...] = ("where",) if block.where is not None else ("explode",)
        else:
            path = ("key",) if edge.target == block.key_column else ("columns", edge.target)
        places.setdefault(edge.source, mapping.where_block(block, *path))
    for name in (*block.extract.key, *block.extract.document):
        places.setdefault(name, mapping.where_block(block, "extract"))
    for other in mapping.blocks:
        if other.complete is not None and other.complete.value is not None:
            named = other.complete.seen or f"{other.entity}/{other.name}"
            where = mapping.where_block(other, "complete")
            if named == f"{block.entity}/{block.name}":
                places.update(dict.fromkeys(guard(other.complete.value, where=where).columns - places.keys(), where))
    return places


def bronze_asset(mapping: Mapping, entity: Entity) -> dg.AssetsDefinition:
    """The Bronze asset of an entity of a source."""
    source = mapping.source.code
    key = keys.asset_key(source, keys.BRONZE, entity.entity)
    declared = mapping.entities[entity.entity]
    blocks = [extract_block(block) for block in declared]
    held = [replace(made, reads=partial(_reads, mapping, block)) for made, block in zip(blocks, declared, strict=True)]

    @dg.asset(
        key=key,
        description=_description(entity, blocks),
        deps=[keys.source_table(source, table) for table in column_lineage.source_tables(mapping, entity.entity)],
        partitions_def=DAILY,
        backfill_policy=RANGE_IN_ONE_RUN,
        io_manager_key="bronze_io_manager",
        group_name=keys.group(source, keys.BRONZE),
        tags=keys.tags(source, keys.BRONZE),
        owners=[mapping.source.owner],
        kinds={"s3", "parquet"},
        pool=keys.source_pool(source),
        # Bronze first: the snapshot of the source is let go as soon as the last extract is done.
        op_tags={"dagster/priority": "2"},
        required_resource_keys={"source_snapshots", "bronze_io_manager"},
    )
    def bronze(context: dg.AssetExecutionContext) -> PartitionedOutput:
        days = days_asked_for(context, mapping.source.first_day)
        column_lineage.show(context, column_lineage.of_bronze(mapping, entity))
        snapshots: SourceSnapshots = context.resources.source_snapshots
        io_manager: S3ParquetIOManager = context.resources.bronze_io_manager
        accept_drift = f"{source}/{entity.entity}" in config.accepted_drifts()
        accept_shrink = f"{source}/{entity.entity}" in config.accepted_shrinks()
        used = [replace(block, accept_shrink=accept_shrink) for block in (blocks if accept_drift else held)]
        store, objects = io_manager.store(key), io_manager.object_keys(key)

        def partitions() -> Iterator[PartitionData]:
            with snapshots.of_run(context, source) as snapshot:
                extracts = [
                    extract(
                        snapshot,
                        store,
                        block,
                        key_of=partial(_object_key, objects, block.name),
                        days=days,
                        first_day=mapping.source.first_day,
                        metadata={"mapping_version": mapping.version, "source": source, "entity": entity.entity},
                        log=context.log,
                    )
                    for block in used
                ]
                # Day by day through all blocks, so that a day that is committed is committed whole.
                for day in zip(*extracts, strict=True):
                    yield from day

        return PartitionedOutput(partitions(), names=[block.name for block in blocks])

    return bronze


def source_specs(mapping: Mapping) -> list[dg.AssetSpec]:
    """The tables of a source that Bronze reads: they are nobody's to materialise here, and shown for their lineage."""
    source = mapping.source.code
    tables = {table for entity in mapping.entities for table in column_lineage.source_tables(mapping, entity)}
    return [
        dg.AssetSpec(
            key=keys.source_table(source, table),
            description=f"Table `{table}` of the application database of {source}.",
            group_name=keys.group(source, "source"),
            kinds={"postgres"},
        )
        for table in sorted(tables)
    ]


def _object_key(objects: ObjectKeys, block: str, day: dt.date) -> str:
    return objects.key(day.isoformat(), block)


def _description(entity: Entity, blocks: list[ExtractBlock]) -> str:
    parts = ", ".join(f"`{block.name}` ({block.mode.value})" for block in blocks)
    return f"{entity.description} As the source keeps it, native schema, by day of arrival. Blocks: {parts}."
