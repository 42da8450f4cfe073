"""Small daily assets of sensor readings, and runs of them, for the tests of the PostgreSQL IO manager."""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa

from retail_medallion.storage.postgres_io_manager import PostgresIOManager
from retail_medallion_tests.servers import FreshDatabase

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")
READINGS = pa.schema(
    [("sensor", pa.string()), ("taken_at", pa.timestamp("us", "UTC")), ("celsius", pa.decimal128(6, 2))]
)
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def readings(*rows: tuple[str, str, str]) -> pa.Table:
    """Make readings from (sensor, ISO moment in UTC, degrees)."""
    columns: list[list[Any]] = [
        [sensor for sensor, _, _ in rows],
        [dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC) for _, moment, _ in rows],
        [Decimal(degrees) for *_, degrees in rows],
    ]
    return pa.table(columns, schema=READINGS)


def manager_for(database: FreshDatabase, **settings: Any) -> PostgresIOManager:
    server = database.connect().get_dsn_parameters()
    return PostgresIOManager(
        host=server["host"],
        port=int(server["port"]),
        database=database.name,
        user=server["user"],
        password=settings.pop("password", password_of(database)),
        **settings,
    )


def password_of(database: FreshDatabase) -> str | None:
    import psycopg2.extensions

    return psycopg2.extensions.parse_dsn(database.dsn).get("password")


def daily_asset(
    produce: Callable[[Sequence[str]], Any], name: str = "readings", /, **metadata: Any
) -> dg.AssetsDefinition:
    """Make the asset ``weather/<name>``, whose value ``produce`` makes from the run's partition keys."""

    @dg.asset(
        key=["weather", name],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata={"postgres/partition_column": "taken_at", **metadata},
    )
    def made(context: dg.AssetExecutionContext):
        return produce(context.partition_keys)

    return made


def run(
    manager: PostgresIOManager,
    *assets: dg.AssetsDefinition,
    days: str | tuple[str, str] | None = None,
    instance: dg.DagsterInstance | None = None,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """Materialise assets for one day, or for a range of days in one run."""
    tags = {START: days[0], END: days[1]} if isinstance(days, tuple) else {}
    definitions = dg.Definitions(
        assets=list(assets), resources={"io_manager": manager}, jobs=[dg.define_asset_job("all_of_it", "*")]
    )
    return definitions.resolve_job_def("all_of_it").execute_in_process(
        instance=instance or dg.DagsterInstance.ephemeral(),
        partition_key=days if isinstance(days, str) else None,
        tags=tags,
        raise_on_error=raise_on_error,
    )


def materializations(result: dg.ExecuteInProcessResult) -> dict[str | None, dict[str, Any]]:
    """Give the metadata of each materialisation of a run, by partition; every partition may occur once only."""
    found: dict[str | None, dict[str, Any]] = {}
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            assert event.partition not in found
            found[event.partition] = {
                key: value.value for key, value in event.step_materialization_data.materialization.metadata.items()
            }
    return found
