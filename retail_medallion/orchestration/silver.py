"""Silver assets: one per (source, entity), cleaned from Bronze and written by the Postgres IO manager.

What belongs here: how cleaning and writing are hung into Dagster. What does not: rules, standardisers, SQL (silver).
"""

import datetime as dt
from typing import Any

import dagster as dg

from retail_medallion import config
from retail_medallion.mapping import Mapping
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.orchestration import column_lineage, keys
from retail_medallion.orchestration.partitions import DAILY, RANGE_IN_ONE_RUN, days_asked_for
from retail_medallion.silver.partition import scope_blocks, silver_partition
from retail_medallion.silver.tables import current_table
from retail_medallion.silver.writer import SilverPartition, SilverWriter
from retail_medallion.storage.parquet_dataset import ParquetDataset
from retail_medallion.storage.parquet_store import ObjectInfo

# Dagster wants one type object per name.
_DATASET = dg.PythonObjectDagsterType(ParquetDataset)


def silver_asset(mapping: Mapping, model: CanonicalModel, entity: Entity) -> dg.AssetsDefinition:
    """The Silver asset of an entity of a source."""
    source = mapping.source.code
    upstream = [entity.entity, *(name for name, _ in scope_blocks(mapping, entity.entity) if name != entity.entity)]

    @dg.asset(
        key=keys.asset_key(source, keys.SILVER, entity.entity),
        description=f"{entity.description} Cleaned and validated; the current state is `silver.{entity.entity}`.",
        ins={
            name: dg.AssetIn(
                key=keys.asset_key(source, keys.BRONZE, name),
                dagster_type=_DATASET,
                input_manager_key="bronze_io_manager",
            )
            for name in upstream
        },
        partitions_def=DAILY,
        backfill_policy=RANGE_IN_ONE_RUN,
        io_manager_key="warehouse_io_manager",
        group_name=keys.group(source, keys.SILVER),
        tags=keys.tags(source, keys.SILVER),
        owners=[mapping.source.owner],
        kinds={"postgres"},
        op_tags={"dagster/priority": "1"},
        required_resource_keys={"warehouse"},
        metadata={
            "postgres/table": f"silver.{entity.entity}",
            "postgres/partition_column": "winner_partition",
            "postgres/slice": {"source_system": source},
            "dagster/column_schema": column_schema(entity),
        },
    )
    def silver(context: dg.AssetExecutionContext, **bronze: Any) -> SilverWriter:
        days_asked_for(context, mapping.source.first_day)
        column_lineage.show(context, column_lineage.of_silver(mapping, entity))
        context.resources.warehouse.prepare()
        datasets: dict[str, ParquetDataset] = bronze

        def find(name: str, block: str, day: dt.date) -> ObjectInfo:
            return datasets[name].object(day.isoformat(), block)

        def open_partition(day: dt.date) -> SilverPartition:
            return silver_partition(mapping, model, entity, day, find=find, open_object=datasets[entity.entity].open)

        return SilverWriter(
            entity,
            source,
            mapping_version=mapping.version,
            model_version=model.version,
            open_partition=open_partition,
            run_id=context.run.run_id,
            accept_shrink=f"{source}/{entity.entity}" in config.accepted_shrinks(),
        )

    return silver


def column_schema(entity: Entity) -> dg.TableSchema:
    """The columns of the current table, as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.type).lower(),
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable), unique=False),
            )
            for column in current_table(entity).columns
        ]
    )
