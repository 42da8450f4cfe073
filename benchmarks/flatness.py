"""Replacing one Silver day with few days loaded, and with many: what a day costs must not depend on history.

Both warehouses hold the same days, written by the writer from Bronze. The large one holds them again and again under
other keys and earlier dates, inserted as the writer would have left them. So the very same day is replaced in both,
in turns, by one process.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.bench import SOURCE, Bench
from benchmarks.measure import MIB, Clock, Comparison, Measured, Side, call

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

    from retail_medallion.model import Entity

TARGET = 1.3
"""At most this many times the seconds with few days."""
_END = dt.date(2026, 6, 30)
_SCALE = 0.6
"""About 200 sales a day."""
_REPLACED = dt.date(2026, 6, 27)
_REPEATS = 5
_PARTS = ("read", "clean", "load")


def comparison(bench: Bench, entity: str, *, few: int, many: int) -> Comparison:
    """Load two warehouses and say what is compared; `many` is a multiple of `few`."""
    prefix = f"bench_flat_{entity}"
    databases = {few: f"{prefix}_few", many: f"{prefix}_many"}
    given = {"entity": entity, "prefix": prefix, "few": few}
    call("benchmarks.flatness:extract_days", given, _environment(bench, "none"))
    for count, database in databases.items():
        bench.new_database(database)
        call("benchmarks.flatness:load_days", {**given, "count": count}, _environment(bench, database))
        # The history is long known to Gold; a queue of a million keys would be another question.
        bench.execute(database, "TRUNCATE meta.pending", "VACUUM (ANALYZE)")
        call("benchmarks.flatness:check_days", given, _environment(bench, database))
    bench.execute("postgres", "CHECKPOINT")
    labels = {count: f"a day of {entity} replaced, {count:,} days loaded" for count in databases}
    sides = [Side(label, "", {**given, "database": databases[count]}) for count, label in labels.items()]
    target = {labels[many]: 1 / TARGET}
    return _InTurns(f"flat in history: {entity}", sides, target, environment=_environment(bench, "none"))


def _environment(bench: Bench, database: str) -> dict[str, str]:
    return {**bench.environment, "WAREHOUSE_DB_NAME": database, "DEMO_DB_NAME": SOURCE}


class _InTurns(Comparison):
    """Replaces the day in one warehouse and then in the other, because the machine changes more than the figures."""

    def __init__(self, *arguments: Any, environment: Mapping[str, str]) -> None:
        super().__init__(*arguments)
        self._environment = environment

    def measure(self, times: int, tell: Callable[[str], None]) -> None:
        """Run processes, each of which replaces the day several times in each warehouse."""
        given = {**self.sides[0].given, "databases": {side.label: side.given["database"] for side in self.sides}}
        for _ in range(times):
            measured = call("benchmarks.flatness:replace_day", given, self._environment)
            for side in self.sides:
                details = [
                    {part: measured.detail[f"{side.label} {repeat} {part}"] for part in _PARTS}
                    for repeat in range(_REPEATS)
                ]
                self.runs.setdefault(side.label, []).extend(
                    Measured(sum(parts.values()), measured.rows, measured.peak_bytes, measured.base_bytes, detail=parts)
                    for parts in details
                )
                told = ", ".join(f"{sum(parts.values()):.2f}" for parts in details)
                load, peak = os.getloadavg()[0], measured.peak_bytes // MIB
                tell(f"  {side.label}: {told} s, {measured.rows:,} rows, {peak} MB (load {load:.1f})")


def _layers(given: Mapping[str, Any]) -> tuple[Any, list[dt.date]]:
    from benchmarks.layers import Layers

    days = [_END - dt.timedelta(days=n) for n in reversed(range(given["few"]))]
    return Layers(given["prefix"], days[0], [given["entity"]]), days


def extract_days(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Make the demo retailer's database and the Bronze of the days that both warehouses share."""
    from benchmarks.layers import make_demo_source

    make_demo_source(_SCALE, given["few"])
    layers, days = _layers(given)
    return int(layers.extract(days))


def load_days(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Write the days that both warehouses share, and put as many before them as are wanted."""
    from benchmarks.layers import warehouse
    from retail_medallion.silver.schema import ensure_month
    from retail_medallion.storage.postgres.session import raw_connection

    layers, days = _layers(given)
    layers.prepare_warehouse()
    store, entity = warehouse(), layers.model.entity(given["entity"])
    rows = sum(layers.write(store, entity.entity, day, "loaded") for day in days)
    blocks = given["count"] // given["few"] - 1
    with store.engine.begin() as connection:
        for day in {(_END - dt.timedelta(days=n)).replace(day=1) for n in range(given["count"])}:
            ensure_month(connection, entity, day)
        with raw_connection(connection).cursor() as cursor:
            for table in _written_tables(entity):
                _copy_back(cursor, table, entity, days=given["few"], blocks=blocks)
    return rows * (blocks + 1)


def _written_tables(entity: Entity) -> list[str]:
    """What the writer fills, but for the queue."""
    books = ["silver_meta.load", "silver_meta.partition_state", "silver_meta.scope_seen"]
    return [f"silver_versions.{entity.entity}", f"silver.{entity.entity}", *books, "silver_quarantine.rejected_row"]


def _copy_back(cursor: Cursor, table: str, entity: Entity, *, days: int, blocks: int) -> None:
    """Insert the rows of a table again, once per block of days, that much earlier and about other sales."""
    from psycopg2 import sql

    # Products, customers and places stay: a long history is about the same ones.
    renamed = {entity.key, "sale_id", "original_sale_id", "original_sale_item_id", "scope_key", "source_key"}
    name = sql.Identifier(*table.split("."))
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(name))
    columns = [column.name for column in cursor.description or ()]

    def value(column: str) -> sql.Composable:
        template = "r.{}"
        if column in {"partition_date", "winner_partition", "effective_partition"}:
            template = "r.{} - n * %(days)s"
        elif column == "load_id":
            template = "md5(r.{}::text || n)::uuid"
        elif column in renamed:
            template = "CASE r.{0} WHEN '*' THEN '*' ELSE n || '-' || r.{0} END"
        return sql.SQL(template).format(sql.Identifier(column))

    # Latest block last, as if the days had been loaded in their order.
    insert = "INSERT INTO {0} ({1}) SELECT {2} FROM {0} r, generate_series(%(blocks)s, 1, -1) AS n"
    identifiers = sql.SQL(", ").join(map(sql.Identifier, columns))
    cursor.execute(
        sql.SQL(insert).format(name, identifiers, sql.SQL(", ").join(map(value, columns))),
        {"days": days, "blocks": blocks},
    )


def check_days(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Compare the current state that was inserted with the one its versions give.

    Raises:
        RuntimeError: They differ, so the writer would have left something else.
    """
    from benchmarks.layers import warehouse
    from retail_medallion.silver.recompute import differing_rows

    layers, _ = _layers(given)
    with warehouse().engine.connect() as connection:
        found = differing_rows(connection, "demo", layers.model.entity(given["entity"]))
    if found:
        raise RuntimeError(f"{found} rows of the current state do not follow from the versions")
    return 0


def replace_day(given: Mapping[str, Any], clock: Clock) -> int:
    """Replace one day in each warehouse in turns, the rows being others each time; tells the seconds of each."""
    from benchmarks.layers import warehouse
    from benchmarks.stopwatch import Stopwatch

    layers, _ = _layers(given)
    stores = {}
    for label, database in given["databases"].items():
        os.environ["WAREHOUSE_DB_NAME"] = database
        stores[label] = warehouse()
    rows = 0
    # The first turn compiles the mapping and fills caches.
    for repeat in range(-1, _REPEATS):
        for label, store in stores.items():
            _pretend_other_rows(store, given["entity"])
            watch = Stopwatch(layers.bronze.open)
            began = time.perf_counter()
            with clock.running():
                rows = layers.write(store, given["entity"], _REPLACED, f"{time.time_ns()}", watch=watch)
            parts = watch.parts(time.perf_counter() - began)
            clock.detail.update({f"{label} {repeat} {part}": parts[part] for part in _PARTS})
    return int(rows)


def _pretend_other_rows(store: Any, entity: str) -> None:
    """Make each row of the day differ from what replaces it, so that it is news for Gold."""
    import sqlalchemy as sa

    current = sa.table(
        entity, sa.column("record_hash"), sa.column("source_system"), sa.column("winner_partition"), schema="silver"
    )
    of_the_day = (current.c.source_system == "demo", current.c.winner_partition == _REPLACED)
    with store.engine.begin() as connection:
        connection.execute(sa.update(current).where(*of_the_day).values(record_hash=sa.func.gen_random_uuid()))
