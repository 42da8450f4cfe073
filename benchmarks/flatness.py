"""Replacing one Silver day with few days loaded, and with many: what a day costs must not depend on history."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.bench import SOURCE, Bench
from benchmarks.measure import Clock, Comparison, Side, call

_END = dt.date(2026, 6, 30)
_ENTITIES = ("sales",)
_REPEATS = 5


def comparison(bench: Bench, *, few: int, many: int, scale: float) -> Comparison:
    """Load two warehouses and say what is compared."""
    first = _END - dt.timedelta(days=many - 1)
    days = [(first + dt.timedelta(days=n)).isoformat() for n in range(many)]
    given = {"days": days, "scale": scale, "history": many + 1}
    call("benchmarks.flatness:extract_days", given, _environment(bench, "none"))
    sides = []
    for label, count in (("few", few), ("many", many)):
        database = f"bench_flat_{label}"
        bench.new_database(database)
        loaded = {**given, "loaded": days[:count], "replaced": days[min(few, 5)]}
        call("benchmarks.flatness:load_days", loaded, _environment(bench, database))
        bench.execute(database, "VACUUM (ANALYZE)")
        sides.append(
            Side(
                f"a Silver day replaced, {count} days loaded",
                "benchmarks.flatness:replace_day",
                loaded,
                _environment(bench, database),
            )
        )
    return Comparison("flat in history", sides)


def _environment(bench: Bench, database: str) -> dict[str, str]:
    return {**bench.environment, "WAREHOUSE_DB_NAME": database, "S3_PREFIX": "bench_flat", "DEMO_DB_NAME": SOURCE}


class _Layers:
    """Bronze and Silver of the entities measured, without Dagster around them."""

    def __init__(self, days: list[str]) -> None:
        from retail_medallion.mapping import load_mappings
        from retail_medallion.model import load_model
        from retail_medallion.orchestration.io_managers import bronze_store
        from retail_medallion.storage.object_keys import ObjectKeys

        self.model = load_model()
        shipped = load_mappings(only=["demo"])["demo"]
        first = dt.date.fromisoformat(days[0])
        source = shipped.source.model_copy(update={"first_day": first})
        self.mapping = shipped.model_copy(update={"source": source})
        self.bronze = bronze_store()
        self.keys = {name: ObjectKeys("bench_flat", ["bronze", "demo", name]) for name in _ENTITIES}

    def extract(self, days: list[str]) -> int:
        import logging

        from retail_medallion import config
        from retail_medallion.bronze.extract import extract
        from retail_medallion.bronze.snapshot import SourceSnapshot
        from retail_medallion.orchestration.bronze import extract_block
        from retail_medallion.storage.postgres.session import connect

        rows = 0
        with SourceSnapshot(lambda: connect(config.source_database("demo"))) as snapshot:
            for name in _ENTITIES:
                for block in self.mapping.entities[name]:

                    def key_of(day: dt.date, keys: Any = self.keys[name], block_name: str = block.name) -> str:
                        return str(keys.key(day.isoformat(), block_name))

                    for part in extract(
                        snapshot,
                        self.bronze,
                        extract_block(block),
                        key_of=key_of,
                        days=[dt.date.fromisoformat(day) for day in days],
                        first_day=self.mapping.source.first_day,
                        metadata={},
                        log=logging.getLogger(__name__),
                    ):
                        key = key_of(dt.date.fromisoformat(part.partition))
                        info = self.bronze.write(key, part.reader(), metadata=part.metadata, replaces=part.replaces)
                        rows += info.rows
        return rows

    def write(self, store: Any, name: str, day: str, version: str) -> int:
        from retail_medallion.silver.partition import silver_partition
        from retail_medallion.silver.writer import SilverWriter
        from retail_medallion.storage.postgres.catalogue import TableName
        from retail_medallion.storage.postgres.target import TableTarget

        entity = self.model.entity(name)

        def find(other: str, block: str, when: dt.date) -> Any:
            return self.bronze.stat(self.keys[other].key(when.isoformat(), block))

        writer = SilverWriter(
            entity,
            "demo",
            # Another version each time: a day that already holds exactly this would be skipped.
            mapping_version=version,
            model_version=self.model.version,
            open_partition=lambda when: silver_partition(
                self.mapping, self.model, entity, when, find=find, open_object=self.bronze.open
            ),
            run_id="bench",
        )
        report, _ = store.write(TableTarget(TableName(name, "silver")), day, writer)
        if report.skipped:
            raise RuntimeError(f"{name} of {day} was skipped: nothing was measured")
        return int(report.rows)


def _store() -> Any:
    from retail_medallion import config
    from retail_medallion.storage.postgres.store import TableStore

    return TableStore(config.warehouse_database())


def extract_days(given: Mapping[str, Any], clock: Clock) -> int:
    """Make the demo retailer's database and the Bronze of all days."""
    from benchmarks.chain import make_demo

    make_demo({"scale": given["scale"], "days": given["history"]}, clock)
    return _Layers(given["days"]).extract(given["days"])


def load_days(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Write the Silver of the days that are to be loaded."""
    from retail_medallion.silver.schema import ensure_schema, register_source

    layers, store = _Layers(given["days"]), _store()
    with store.engine.begin() as connection:
        ensure_schema(connection, layers.model)
        register_source(connection, layers.mapping, layers.mapping.source.first_day)
    return sum(layers.write(store, name, day, "loaded") for day in given["loaded"] for name in _ENTITIES)


def replace_day(given: Mapping[str, Any], clock: Clock) -> int:
    """Replace one day several times; the median counts."""
    layers, store = _Layers(given["days"]), _store()
    rows, took = 0, []
    for repeat in range(_REPEATS + 1):
        began = time.perf_counter()
        version = f"{time.time_ns()}"
        rows = sum(layers.write(store, name, given["replaced"], version) for name in _ENTITIES)
        # The first one compiles the mapping and fills caches.
        took += [time.perf_counter() - began] if repeat else []
    clock.seconds = statistics.median(took)
    return rows
