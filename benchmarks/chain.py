"""One day of the demo retailer from its database through Bronze and Silver to Gold, against the naive script."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from benchmarks.bench import SOURCE, Bench
from benchmarks.measure import Clock, Comparison, Side, call

OURS = "all layers, Dagster in one process"
REFERENCE = "naive script"
_DAY = "2026-06-17"
"""The source's first partition: it takes everything recorded before it, so it is as large as one likes."""


def comparison(bench: Bench, scale: float, *, days: int = 90, runs: int | None = None) -> Comparison:
    """Make the demo retailer's database and say what is compared."""
    call("benchmarks.chain:make_demo", {"scale": scale, "days": days}, bench.environment)
    bench.execute(SOURCE, "VACUUM (ANALYZE)", "CHECKPOINT")
    numbers = itertools.count()

    def side(label: str, work: str, **more: Any) -> Side:
        # Each run finds an empty warehouse and no Bronze, so that nothing is skipped as done.
        number = next(numbers)
        database = f"bench_chain_{number}"
        turns = itertools.count()

        def prepare() -> Mapping[str, Any]:
            bench.new_database(database)
            bench.execute("postgres", "CHECKPOINT")
            return {"prefix": f"bench_chain_{number}_{next(turns)}"}

        environment = {**bench.environment, "WAREHOUSE_DB_NAME": database}
        drop = lambda: bench.drop_database(database)  # noqa: E731
        return Side(label, work, {"day": _DAY}, environment, before=prepare, after=drop, runs=runs, **more)

    return Comparison(
        f"one day, scale {scale:g}",
        [
            side(REFERENCE, "benchmarks.chain:naive"),
            side(OURS, "benchmarks.chain:ours"),
        ],
    )


def make_demo(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Make the demo retailer's database."""
    from retail_medallion import config
    from retail_medallion.demo.generator import create_demo_database
    from retail_medallion.storage.postgres.session import connection_to

    with connection_to(config.source_database("demo")) as connection:
        made = create_demo_database(connection, scale=given["scale"], days=given["days"])
    return sum(made.rows.values())


def naive(given: Mapping[str, Any], clock: Clock) -> int:
    """Run the naive script."""
    import os

    from benchmarks.naive import run

    os.environ["S3_PREFIX"] = given["prefix"]
    return run(given, clock)


def ours(given: Mapping[str, Any], clock: Clock) -> int:
    """Materialise the day as `retail-medallion run` does, with a Dagster instance in memory."""
    import os

    import dagster as dg

    from retail_medallion.definitions import build_definitions
    from retail_medallion.mapping import load_mappings
    from retail_medallion.orchestration import launch

    os.environ["S3_PREFIX"] = given["prefix"]
    seconds: dict[str, float] = defaultdict(float)

    def add(asset: str, took: float) -> None:
        layer = next((name for name in ("bronze", "silver", "gold") if name in asset), "other")
        seconds[layer] += took
        seconds[asset] += took

    with clock.running(), dg.DagsterInstance.ephemeral() as instance:
        with clock.part("definitions"):
            definitions = build_definitions(load_mappings(only=["demo"]))
        day = dt.date.fromisoformat(given["day"])
        launch.materialise(definitions, "demo", [day], instance=instance, progress=add)
    clock.detail.update(seconds)
    return _bronze_rows(given["prefix"])


def _bronze_rows(prefix: str) -> int:
    """Rows read from the source: those of all Bronze objects, each table once."""
    from retail_medallion.orchestration.io_managers import bronze_store

    store = bronze_store()
    keys = list(store.list_keys(prefix))
    # The marketplace's orders are read by three extracts, and by one in the naive script.
    counted = [key for key in keys if not key.endswith(("/market_lines.parquet", "/market_payments.parquet"))]
    infos = [store.stat(key) for key in counted]
    return sum(info.rows for info in infos if info is not None)
