"""Gold assets: one per (source, table), computed inside PostgreSQL from current Silver.

What belongs here: how a Gold table is hung into Dagster. What does not: its columns and its SQL (gold).
"""

from typing import Any

import dagster as dg
import sqlalchemy as sa

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.registry import TABLES
from retail_medallion.gold.writer import GoldWriter
from retail_medallion.mapping import Mapping
from retail_medallion.model import load_model
from retail_medallion.orchestration import column_lineage, keys
from retail_medallion.orchestration.checks import bring_findings_up_to_date
from retail_medallion.orchestration.partitions import DAILY, RANGE_IN_ONE_RUN, days_asked_for
from retail_medallion.orchestration.pictures import DRAWN, PicturedWriter
from retail_medallion.storage.partitioned import ALL_OF_IT, PartitionWriter
from retail_medallion.storage.postgres.catalogue import TableName

# Dagster wants one type object per name.
_SELECTABLE = dg.PythonObjectDagsterType(sa.Select)


def gold_asset(mapping: Mapping, table: GoldTable) -> dg.AssetsDefinition:
    """The Gold asset of a table for a source. Tables are shared by all sources, rows are told apart by their source."""
    source = mapping.source.code
    silver = {
        name: keys.asset_key(source, keys.SILVER, name) for name in table.silver_inputs if name in mapping.entities
    }

    @dg.asset(
        key=gold_key(source, table),
        description=_description(table),
        # What has no days would ask for its inputs of every day: it only comes after them.
        ins={}
        if table.is_whole
        else {name: dg.AssetIn(key=key, dagster_type=_SELECTABLE) for name, key in silver.items()},
        deps=[
            *(silver.values() if table.is_whole else ()),
            *(gold_key(source, TABLES[name]) for name in table.gold_inputs),
        ],
        partitions_def=None if table.is_whole else DAILY,
        # Also without partitions: Dagster refuses a range in which one asset has another policy.
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
            "postgres/partition_column": table.day_of_row or table.primary_key[0],
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
    def gold(
        context: dg.AssetExecutionContext,
        **silver_tables: Any,  # noqa: ARG001 read inside PostgreSQL
    ) -> PartitionWriter:
        days = [] if table.is_whole else days_asked_for(context, mapping.source.first_day)
        column_lineage.show(context, column_lineage.of_gold(mapping, table))
        context.resources.warehouse.prepare()
        context.resources.warehouse.refresh_statistics(
            [
                *(TableName(name, keys.SILVER) for name in table.silver_inputs),
                *(TableName(name, keys.GOLD) for name in (*table.gold_inputs, table.name)),
            ]
        )
        if table.reads_findings:
            # The step that shows them may come later in this run, or not at all.
            bring_findings_up_to_date(context.resources.warehouse.engine(), mapping, load_model())
        writer = GoldWriter(table.name, source)
        if table.name not in DRAWN:
            return writer
        return PicturedWriter(writer, table.name, source, last=days[-1].isoformat() if days else ALL_OF_IT)

    return gold


def shared_tables() -> list[dg.AssetSpec]:
    """Tables that belong to no source: made with the schema, shown for their lineage."""
    return [
        dg.AssetSpec(
            key=gold_key("", table),
            description=_description(table),
            group_name=keys.group(keys.SHARED, keys.GOLD),
            kinds={"postgres"},
            metadata={"dagster/table_name": f"gold.{table.name}"},
        )
        for table in TABLES.values()
        if not table.has_source
    ]


def gold_key(source: str, table: GoldTable) -> dg.AssetKey:
    """The asset key of a Gold table for a source; of the one shared table where it knows no source."""
    return keys.asset_key(source if table.has_source else keys.SHARED, keys.GOLD, table.name)


def _description(table: GoldTable) -> str:
    return f"One row: {table.grain}.\n\n{table.question}"
