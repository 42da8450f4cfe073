"""Gold assets: one per (source, table), computed inside PostgreSQL from current Silver.

What belongs here: how a Gold table is hung into Dagster. What does not: its columns and its SQL (gold).
"""

from typing import Any

import dagster as dg
import sqlalchemy as sa

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.writer import GoldWriter
from retail_medallion.mapping import Mapping
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.partitions import DAILY, RANGE_IN_ONE_RUN


def gold_asset(mapping: Mapping, table: GoldTable) -> dg.AssetsDefinition:
    """The Gold asset of a table for a source. Tables are shared by all sources, rows are told apart by their source."""
    source = mapping.source.code
    selectable = dg.PythonObjectDagsterType(sa.Select)
    upstream = [
        *((keys.SILVER, name) for name in table.silver_inputs if name in mapping.entities),
        *((keys.GOLD, name) for name in table.gold_inputs),
    ]

    @dg.asset(
        key=keys.asset_key(source, keys.GOLD, table.name),
        description=f"{table.grain} {table.question}",
        ins={
            f"{layer}_{name}": dg.AssetIn(key=keys.asset_key(source, layer, name), dagster_type=selectable)
            for layer, name in upstream
        },
        partitions_def=DAILY,
        backfill_policy=RANGE_IN_ONE_RUN,
        io_manager_key="warehouse_io_manager",
        group_name=keys.group(source, keys.GOLD),
        tags=keys.tags(source, keys.GOLD),
        owners=[mapping.source.owner],
        kinds={"postgres"},
        pool=keys.table_pool(source, table.name),
        required_resource_keys={"warehouse"},
        metadata={
            "postgres/table": f"gold.{table.name}",
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(
                        name=column.name,
                        type=column.type,
                        description=column.meaning,
                        constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=False),
                    )
                    for column in table.columns
                ]
            ),
        },
    )
    def gold(context: dg.AssetExecutionContext, **_upstream: Any) -> GoldWriter:
        context.resources.warehouse.prepare()
        return GoldWriter(table, source)

    return gold
