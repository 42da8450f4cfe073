"""One Silver partition from its Bronze objects into an empty warehouse, against COPY FROM of the finished rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from benchmarks.bench import SOURCE, Bench
from benchmarks.measure import Clock, Comparison, Side, call

OURS = "clean and write the partition"
REFERENCE = "COPY FROM of both tables, binary files"
TARGETS = {"sale_items": 0.5, "customers": 0.35}
_DAY = dt.date(2026, 6, 30)
"""The demo retailer's last day, made the source's first partition: it takes everything recorded before it."""
_MONTH = "2026_06"
_DEMO = {"sale_items": {"scale": 0.1, "days": 90}, "customers": {"scale": 0.01, "days": 90}}
"""A small demo retailer: its lines are multiplied, its clients replaced by as many as are wanted."""
_BOOKS = (
    "meta.pending",
    *(f"silver_meta.{name}" for name in ("load", "load_run", "partition_state", "scope_seen")),
    "silver_quarantine.rejected_row",
)

# Every order and every document of a portal again under other keys; what else is in them stays as it is.
_MULTIPLY = (
    """
    INSERT INTO shop.orders
    SELECT copied.* FROM shop.orders o, generate_series(1, {copies}) AS n, LATERAL jsonb_populate_record(o,
        jsonb_build_object('id', o.id + n * 1000000000000, 'return_of', o.return_of + n * 1000000000000)) AS copied
    """,
    """
    INSERT INTO shop.order_lines
    SELECT copied.* FROM shop.order_lines l, generate_series(1, {copies}) AS n, LATERAL jsonb_populate_record(l,
        jsonb_build_object('id', l.id + n * 1000000000000, 'order_id', l.order_id + n * 1000000000000,
                           'origin_line_id', l.origin_line_id + n * 1000000000000)) AS copied
    """,
    """
    INSERT INTO shop.market_orders
    SELECT id || '-' || n, portal, doc, received_at, voided_at, updated_at
    FROM shop.market_orders, generate_series(1, {copies}) AS n
    """,
)
_LINES = """
    SELECT (SELECT count(*) FROM shop.order_lines)
         + (SELECT sum(jsonb_array_length(doc -> 'lines')) FROM shop.market_orders
            WHERE jsonb_typeof(doc -> 'lines') = 'array')
"""


def comparison(bench: Bench, entity: str, count: int, *, runs: int | None = None) -> Comparison:
    """Make the source, its Bronze and the files, and say what is compared."""
    source, database = f"bench_{entity}_source", f"bench_{entity}"
    bench.new_database(source, owner=SOURCE)
    bench.new_database(database)
    prefix = f"bench_silver/{entity}"
    environment = {**bench.environment, "DEMO_DB_NAME": source, "WAREHOUSE_DB_NAME": database}
    given = {"entity": entity, "prefix": prefix}
    clients = count if entity == "customers" else None
    call("benchmarks.silver:make_source", {**_DEMO[entity], "clients": clients}, environment)
    if entity == "sale_items":
        _multiply_lines(bench, source, count)
    bench.execute(source, "VACUUM (ANALYZE)")
    files = {table: str(bench.folder / f"{table}.copy") for table in _tables(entity)}
    made = call("benchmarks.silver:make_bronze_and_files", {**given, "files": files}, environment)

    emptied = ", ".join([*_tables(entity), *_BOOKS])

    def settle() -> Mapping[str, Any]:
        bench.execute(database, f"TRUNCATE {emptied}", "VACUUM (ANALYZE)", "CHECKPOINT")
        return {}

    copies = [f"\\copy {table} from '{file}' with (format binary)" for table, file in files.items()]
    sides = [
        Side(
            REFERENCE,
            bench.psql(database, *copies),
            environment=bench.psql_environment(),
            before=settle,
            rows=made.rows,
            runs=runs,
        ),
        Side(OURS, "benchmarks.silver:ours", given, environment, before=settle, runs=runs),
    ]
    return Comparison(f"Silver partition of {made.rows:,} {entity}", sides, {OURS: TARGETS[entity]})


def _tables(entity: str) -> list[str]:
    """The month of the versions, and the current state."""
    return [f"silver_versions.{entity}_{_MONTH}", f"silver.{entity}"]


def _multiply_lines(bench: Bench, source: str, count: int) -> None:
    lines = bench.execute(source, _LINES)[0][0]
    copies = max(round(count / lines) - 1, 0)
    statements = [statement.format(copies=copies) for statement in _MULTIPLY]
    # Triggers would set every order's time of change to now.
    bench.execute(source, "SET session_replication_role = replica", *statements)


def make_source(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Make a small demo retailer, with as many clients as are wanted."""
    from benchmarks.layers import make_demo_source

    make_demo_source(given["scale"], given["days"], given["clients"])
    return 0


def make_bronze_and_files(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Extract the partition, write it once, and write the finished rows as PostgreSQL's binary COPY; gives the rows."""
    from pathlib import Path

    from benchmarks.layers import Layers, warehouse
    from retail_medallion import config
    from retail_medallion.storage.postgres.session import connection_to

    layers = Layers(given["prefix"], _DAY, [given["entity"]])
    layers.extract([_DAY])
    layers.prepare_warehouse()
    rows = layers.write(warehouse(), given["entity"], _DAY, "files")
    with connection_to(config.warehouse_database()) as connection, connection.cursor() as cursor:
        for table, name in given["files"].items():
            with Path(name).open("wb") as file:
                cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT binary)", file)
    return rows


def ours(given: Mapping[str, Any], clock: Clock) -> int:
    """Fetch, verify, clean and write the partition: what the Silver asset and its IO manager do."""
    from benchmarks.layers import Layers, warehouse
    from benchmarks.stopwatch import Stopwatch

    layers = Layers(given["prefix"], _DAY, [given["entity"]])
    watch = Stopwatch(layers.bronze.open)
    with clock.running():
        rows = layers.write(warehouse(), given["entity"], _DAY, "measured", watch=watch)
    clock.detail.update(watch.parts(clock.seconds))
    return rows
