"""A parallel run of some Bronze assets of a source that changes between the steps; repeated from its failure.

python -m retail_medallion_tests.orchestration.changing_source 2026-06-17
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from retail_medallion import config
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.definitions import build_definitions
from retail_medallion.mapping import load_mappings
from retail_medallion.orchestration import keys
from retail_medallion.orchestration.executors import process_per_step
from retail_medallion.orchestration.partitions import DAILY, RANGE_IN_ONE_RUN
from retail_medallion.orchestration.resources import SourceSnapshots
from retail_medallion.storage.postgres.session import connect

ENTITIES = ("suppliers", "products")
FAILS_ONCE = "products"
# The database itself writes down that they changed now.
_CHANGES = ("UPDATE shop.vendors SET contact = 'changed'", "UPDATE shop.articles SET brand = 'changed'")
_HELD = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"


class ChangingSource(SourceSnapshots):
    """Changes every row of the source at the beginning of each step, and lets one step fail the first time."""

    @contextlib.contextmanager
    def of_run(self, context: dg.AssetExecutionContext, source: str) -> Iterator[SourceSnapshot]:
        database = connect(config.source_database(source))
        with contextlib.closing(database), database, database.cursor() as cursor:
            for statement in _CHANGES:
                cursor.execute(statement)
        with super().of_run(context, source) as snapshot:
            failed = Path(os.environ["RETAIL_HOME"]) / "failed"
            if context.asset_key.path[-1] == FAILS_ONCE and not failed.exists():
                failed.touch()
                raise RuntimeError("fails the first time")
            yield snapshot


@dg.asset(
    deps=[keys.asset_key("demo", keys.BRONZE, name) for name in ENTITIES],
    partitions_def=DAILY,
    backfill_policy=RANGE_IN_ONE_RUN,
)
def afterwards() -> dg.MaterializeResult:
    """Counts the sessions that still hold a snapshot when the last extract is over."""
    with contextlib.closing(connect(config.source_database("demo"))) as connection, connection.cursor() as cursor:
        cursor.execute(_HELD)
        ((held,),) = cursor.fetchall()
    return dg.MaterializeResult(metadata={"held": held})


def some_of_bronze() -> dg.JobDefinition:
    """The job; made anew in each process."""
    mappings = load_mappings(only=["demo"])
    entities = {"demo": list(mappings["demo"].entities)}
    selection = dg.AssetSelection.assets(*(keys.asset_key("demo", keys.BRONZE, name) for name in ENTITIES), afterwards)
    job = dg.define_asset_job(
        "some_of_bronze", selection, executor_def=process_per_step(entities, keys.pools(entities))
    )
    bronze = build_definitions(mappings, resources={"source_snapshots": ChangingSource(entities=entities)})
    return dg.Definitions.merge(bronze, dg.Definitions(assets=[afterwards], jobs=[job])).resolve_job_def(job.name)


if __name__ == "__main__":
    # The processes of the steps look for the job where they can import it.
    from retail_medallion_tests.orchestration.changing_source import some_of_bronze as job_of_module

    job = dg.reconstructable(job_of_module)
    with dg.DagsterInstance.get() as instance:
        first = dg.execute_job(job, instance, tags={"dagster/partition": sys.argv[1]})
        if first.success:
            sys.exit("the first run did not fail")
        again = dg.ReexecutionOptions.from_failure(first.run_id, instance)
        repeated = instance.get_run_by_id(first.run_id)
        # As the UI does it, the second run inherits the tags of the first.
        second = dg.execute_job(job, instance, reexecution_options=again, tags=dict(repeated.tags if repeated else {}))
        if not second.success:
            sys.exit("the second run failed")
        (told,) = second.asset_materializations_for_node("afterwards")
        print("held", told.metadata["held"].value)
