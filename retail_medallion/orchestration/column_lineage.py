"""Where each column of an asset comes from, as Dagster shows it: from Gold back to the tables of the source.

Every asset names the columns of the assets just before it, and Dagster joins them to paths. All of it is read off the
mapping file and the SQL of the tables.
"""

import contextlib
from collections.abc import Iterable, Mapping

import dagster as dg

from retail_medallion.gold.definition import GoldTable
from retail_medallion.gold.lineage import column_lineage as gold_columns
from retail_medallion.gold.registry import TABLES
from retail_medallion.mapping import Block
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.mapping import column_lineage as mapped_columns
from retail_medallion.model import Entity
from retail_medallion.orchestration import keys
from retail_medallion.sql_lineage import TableColumn, origins_of, tables_of

LINEAGE = "dagster/column_lineage"


def source_tables(mapping: SourceMapping, entity: str) -> list[str]:
    """The tables of the source an entity is extracted from, as the mapping writes them.

    A query PostgreSQL runs and the parser does not know leads to no table: the lineage has a gap then.
    """
    return sorted({table for block in mapping.entities[entity] for table in _tables(block)})


def of_bronze(mapping: SourceMapping, entity: Entity) -> dg.TableColumnLineage:
    """The columns of an extract that the mapping reads, from the columns of the source's tables."""
    found: dict[str, set[TableColumn]] = {}
    for block in mapping.entities[entity.entity]:
        columns = {edge.source for edge in mapped_columns(mapping, block)} | set(block.extract.key)
        query = block.extract.query or f"SELECT * FROM {block.extract.table}"  # noqa: S608 only parsed
        with contextlib.suppress(ValueError):
            for column, origins in origins_of(query, sorted(columns)).items():
                found.setdefault(column, set()).update(origins)
    source = mapping.source.code
    return _lineage({c: [(keys.source_table(source, o.table_name), o.column) for o in found[c]] for c in found})


def of_silver(mapping: SourceMapping, entity: Entity) -> dg.TableColumnLineage:
    """The columns of a Silver table, from the columns of its extracts."""
    bronze = keys.asset_key(mapping.source.code, keys.BRONZE, entity.entity)
    found: dict[str, set[str]] = {}
    for block in mapping.entities[entity.entity]:
        for edge in mapped_columns(mapping, block):
            if edge.kind == "DIRECT":
                found.setdefault(edge.target, set()).add(edge.source)
    return _lineage({column: [(bronze, source) for source in sources] for column, sources in found.items()})


def of_gold(mapping: SourceMapping, table: GoldTable) -> dg.TableColumnLineage:
    """The columns of a Gold table, from the columns of Silver and of other Gold tables."""
    source = mapping.source.code
    found: dict[str, list[tuple[dg.AssetKey, str]]] = {}
    for column, origins in gold_columns(table.name).items():
        for origin in origins:
            if origin.schema.startswith(keys.SILVER) and origin.table in mapping.entities:
                found.setdefault(column, []).append((keys.asset_key(source, keys.SILVER, origin.table), origin.column))
            elif origin.schema == keys.GOLD:
                owner = source if TABLES[origin.table].has_source else keys.SHARED
                found.setdefault(column, []).append((keys.asset_key(owner, keys.GOLD, origin.table), origin.column))
    return _lineage(found)


def show(context: dg.AssetExecutionContext, lineage: dg.TableColumnLineage) -> None:
    """Put the lineage on the materialisation ; of a range on its last day, the one Dagster shows."""
    metadata = {LINEAGE: lineage}
    if context.assets_def.partitions_def is None or not context.has_partition_key_range:
        context.add_output_metadata(metadata)
    else:
        context.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=context.partition_keys[-1])


def _tables(block: Block) -> Iterable[str]:
    if block.extract.query is None:
        return [str(block.extract.table)]
    with contextlib.suppress(ValueError):
        return tables_of(block.extract.query)
    return []


def _lineage(columns: Mapping[str, Iterable[tuple[dg.AssetKey, str]]]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(key, column) for key, column in sorted(set(deps))]
            for name, deps in sorted(columns.items())
        }
    )
