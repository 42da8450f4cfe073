"""The entry point of the Dagster code location: everything that was found, as one Definitions object."""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from retail_medallion import config
from retail_medallion.gold.registry import TABLES
from retail_medallion.mapping import Mapping as SourceMapping
from retail_medallion.model import CanonicalModel, load_model
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.bronze import bronze_asset, source_specs
from retail_medallion.orchestration.checks import silver_checks
from retail_medallion.orchestration.executors import one_process
from retail_medallion.orchestration.gold import gold_asset, shared_tables
from retail_medallion.orchestration.io_managers import bronze_io_manager, warehouse_io_manager
from retail_medallion.orchestration.jobs import daily_jobs, verify_jobs
from retail_medallion.orchestration.reconciliation_checks import reconciliation_checks
from retail_medallion.orchestration.resources import SourceSnapshots, Warehouse
from retail_medallion.orchestration.silver import silver_asset
from retail_medallion.orchestration.sources import found_mappings
from retail_medallion.orchestration.upkeep_checks import dear_checks, upkeep_checks


def build_definitions(
    mappings: Mapping[str, SourceMapping] | None = None,
    *,
    model: CanonicalModel | None = None,
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """All assets, jobs and resources of some sources.

    Args:
        mappings: Mappings by source; those found in RETAIL_SOURCES_DIR, limited by RETAIL_SOURCES, where None.
        model: The canonical model; the shipped one where None.
        resources: Resources that replace those of the same name.
    """
    model = model or load_model()
    mappings = found_mappings() if mappings is None else mappings
    entities = {code: list(mapping.entities) for code, mapping in mappings.items()}
    return dg.Definitions(
        assets=_assets(model, mappings),
        asset_checks=[check for mapping in mappings.values() for check in _checks(model, mapping)],
        jobs=[
            *daily_jobs(entities, {code: dear_checks(mapping) for code, mapping in mappings.items()}),
            *verify_jobs(entities),
        ],
        # One process for all steps: starting a process for each would take longer than most steps do.
        executor=one_process(keys.pools(entities)),
        resources={
            "bronze_io_manager": bronze_io_manager(),
            "warehouse_io_manager": warehouse_io_manager(),
            "source_snapshots": SourceSnapshots(entities=entities),
            "warehouse": Warehouse(model, mappings),
            **(resources or {}),
        },
    )


def _checks(model: CanonicalModel, mapping: SourceMapping) -> list[dg.AssetChecksDefinition]:
    return [
        *silver_checks(mapping, model),
        *reconciliation_checks(mapping, model),
        *upkeep_checks(mapping, model),
    ]


def _assets(model: CanonicalModel, mappings: Mapping[str, SourceMapping]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = [*shared_tables()]
    with warnings.catch_warnings():
        # Single-run backfills are still marked beta; said once here instead of once per asset on every start.
        warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
        for mapping in mappings.values():
            entities = [model.entity(name) for name in mapping.entities]
            assets += source_specs(mapping)
            assets += [bronze_asset(mapping, entity) for entity in entities]
            assets += [silver_asset(mapping, model, entity) for entity in entities]
            assets += [gold_asset(mapping, table) for table in TABLES.values() if table.has_source]
    return assets


@dg.definitions
def definitions() -> dg.Definitions:
    """What `dagster dev`, `dagster asset materialize` and `dg launch` load."""
    config.read_dotenv()
    return build_definitions()
