"""Names of things in Dagster: asset keys, groups, tags, jobs.

What belongs here: every rule by which a name is made from source, layer and table.
"""

from collections.abc import Iterable

import dagster as dg

from retail_medallion.gold.registry import TABLES

BRONZE, SILVER, GOLD = "bronze", "silver", "gold"

SHARED = "shared"
"""Stands for a source where a table belongs to none."""


def asset_key(source: str, layer: str, name: str) -> dg.AssetKey:
    """`source/layer/name`."""
    return dg.AssetKey([source, layer, name])


def source_table(source: str, table: str) -> dg.AssetKey:
    """`source/<source>/<table>`, with the schema before the table where the mapping names one."""
    return dg.AssetKey(["source", source, *table.replace('"', "").split(".")])


def step(source: str, layer: str, name: str) -> str:
    """The key Dagster gives the step of an asset."""
    return "__".join(asset_key(source, layer, name).path)


def group(source: str, layer: str) -> str:
    """The group an asset is shown in: one per source and layer."""
    return f"{source}_{layer}"


def tags(source: str, layer: str) -> dict[str, str]:
    """Tags to select assets by."""
    return {"source": source, "layer": layer}


def daily_job(source: str) -> str:
    """The job that takes one day, or a range, of a source through all layers."""
    return f"{source}_daily"


def verify_job(source: str) -> str:
    """The job that checks all days of a source, also by what is too dear for each day."""
    return f"{source}_verify"


def source_pool(source: str) -> str:
    """The pool that bounds how many steps read a source's database at once."""
    return f"{source}_source_database"


def table_pool(source: str, table: str) -> str:
    """The pool in which runs queue for a Gold table of a source, instead of waiting inside PostgreSQL."""
    return f"{source}_gold_{table}"


def pools(sources: Iterable[str]) -> list[str]:
    """All pools of some sources."""
    tables = [table.name for table in TABLES.values() if table.has_source]
    return [
        pool for source in sources for pool in (source_pool(source), *(table_pool(source, table) for table in tables))
    ]
