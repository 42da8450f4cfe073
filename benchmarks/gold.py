"""Gold from current Silver: one new day with few days loaded and with many, and everything computed anew.

Silver is made up by SQL as its writer would have left it, so that years of it take seconds. The new day is told to Gold
as the writer tells it. Both warehouses get the same new days, in turns, by one process.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.bench import Bench
from benchmarks.measure import MIB, Clock, Comparison, Measured, Side, call

if TYPE_CHECKING:
    import sqlalchemy as sa

TARGET = 1.3
"""At most this many times the seconds with few days."""
REBUILD_TARGET = 0.8
"""At least this share of the rate of the same SQL by hand."""
OURS = "rebuild through the queue"
BY_HAND = "INSERT .. SELECT by hand"
_SALES_A_DAY = 200
_REPEATS = 5
_WHOLE = "marts over the whole history"
_BY_DAY = "tables with days"


def flat_in_history(bench: Bench, *, few: int, many: int) -> Comparison:
    """Load two warehouses and say what is compared."""
    databases = {few: "bench_gold_few", many: "bench_gold_many"}
    for count, database in databases.items():
        bench.new_database(database)
        call("benchmarks.gold:load_days", {"count": count}, _environment(bench, database))
        bench.execute(database, "VACUUM (ANALYZE)")
    bench.execute("postgres", "CHECKPOINT")
    labels = {count: f"a new day in Gold, {count:,} days loaded" for count in databases}
    given = {"databases": {labels[count]: database for count, database in databases.items()}, "counts": databases}
    sides = [Side(label, "", given) for label in labels.values()]
    return _InTurns("Gold, flat in history", sides, {labels[many]: 1 / TARGET}, environment=_environment(bench, "none"))


def rebuild(bench: Bench, lines: int, *, runs: int | None = None) -> Comparison:
    """Make Silver with so many sale lines, and say what is compared."""
    database = "bench_gold_rebuild"
    bench.new_database(database)
    environment = _environment(bench, database)
    made = call("benchmarks.gold:load_lines", {"lines": lines}, environment)
    bench.execute(database, "VACUUM (ANALYZE)", "CHECKPOINT")

    def settle() -> Mapping[str, Any]:
        bench.execute(database, "VACUUM (ANALYZE)", "CHECKPOINT")
        return {}

    sides = [
        Side(BY_HAND, "benchmarks.gold:by_hand", {"rows": made.rows}, environment, before=settle, runs=runs),
        Side(OURS, "benchmarks.gold:ours", {"rows": made.rows}, environment, before=settle, runs=runs),
    ]
    return Comparison(f"all of Gold from {made.rows:,} sale lines", sides, {OURS: REBUILD_TARGET})


def _environment(bench: Bench, database: str) -> dict[str, str]:
    return {**bench.environment, "WAREHOUSE_DB_NAME": database}


class _InTurns(Comparison):
    """Brings one new day to Gold in one warehouse and then in the other: the machine changes more than the figures."""

    def __init__(self, *arguments: Any, environment: Mapping[str, str]) -> None:
        super().__init__(*arguments)
        self._environment = environment

    def measure(self, times: int, tell: Callable[[str], None]) -> None:
        """Run processes, each of which lets several days happen in each warehouse."""
        for turn in range(times):
            given = {**self.sides[0].given, "turn": turn}
            measured = call("benchmarks.gold:new_days", given, self._environment)
            for side in self.sides:
                for repeat in range(_REPEATS):
                    parts = {part: measured.detail[f"{side.label} {repeat} {part}"] for part in (_BY_DAY, _WHOLE)}
                    # What is computed over the whole history grows with it, and is told apart.
                    self.runs.setdefault(side.label, []).append(
                        Measured(parts[_BY_DAY], measured.rows, measured.peak_bytes, measured.base_bytes, detail=parts)
                    )
                seconds = ", ".join(f"{run.seconds:.2f}" for run in self.runs[side.label][-_REPEATS:])
                tell(f"  {side.label}: {seconds} s (load {os.getloadavg()[0]:.1f}, {measured.peak_bytes // MIB} MB)")


def load_days(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Make days of Silver, and all of Gold from them."""
    return _load(_days(0, given["count"]), _SALES_A_DAY, stock=True, gold=True)


def load_lines(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Make a year of Silver with so many lines."""
    from benchmarks.gold_silver import LINES_PER_SALE

    sales_a_day = given["lines"] // LINES_PER_SALE // 365
    _load(_days(0, 365), sales_a_day, stock=False, gold=False)
    return int(sales_a_day * 365 * LINES_PER_SALE)


def new_days(given: Mapping[str, Any], clock: Clock) -> int:
    """Let days happen in each warehouse in turns; tells the seconds that bringing each to Gold took."""
    from benchmarks.gold_silver import make_days, tell_gold
    from retail_medallion.gold.fragments import cursor_of

    engines = {}
    for label, database in given["databases"].items():
        os.environ["WAREHOUSE_DB_NAME"] = database
        engines[label] = _engine()
    counts = {database: int(count) for count, database in given["counts"].items()}
    # The first day of a process fills caches.
    for repeat in range(-1, _REPEATS):
        for label, engine in engines.items():
            number = counts[given["databases"][label]] + given["turn"] * (_REPEATS + 1) + repeat + 1
            (day,) = _days(number, 1)
            with engine.begin() as connection, cursor_of(connection) as cursor:
                make_days(cursor, [day], _SALES_A_DAY)
                tell_gold(cursor, day)
            parts = {_BY_DAY: 0.0, _WHOLE: 0.0}
            with clock.running():
                for name, whole in _tables():
                    began = time.perf_counter()
                    _write(engine, name, None if whole else day)
                    parts[_WHOLE if whole else _BY_DAY] += time.perf_counter() - began
            clock.detail.update({f"{label} {repeat} {part}": seconds for part, seconds in parts.items()})
    return _SALES_A_DAY


def ours(given: Mapping[str, Any], clock: Clock) -> int:
    """Everything computed anew, as `retail-medallion rebuild-gold` does."""
    from retail_medallion.gold.rebuild import rebuild as rebuild_gold

    with clock.running(), _engine().begin() as connection:
        rebuild_gold(connection)
    return int(given["rows"])


def by_hand(given: Mapping[str, Any], clock: Clock) -> int:
    """The same rows by the same SELECTs into the same tables, emptied before: no queue, no hash, no comparison."""
    from psycopg2 import sql

    from retail_medallion.gold.fragments import cursor_of, names
    from retail_medallion.gold.horizon import data_horizon
    from retail_medallion.gold.months import ensure_months
    from retail_medallion.gold.registry import TABLES
    from retail_medallion.gold.schema import fill

    with _engine().begin() as connection, cursor_of(connection) as cursor:
        parameters = {"source": "bench", "reached": None, "horizon": data_horizon(cursor, "bench")}
        tables = [table for table in TABLES.values() if table.has_source]
        with clock.running():
            cursor.execute("SET LOCAL TIME ZONE 'UTC'")
            cursor.execute(
                sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(sql.Identifier("gold", t.name) for t in tables))
            )
            for table in tables:
                fill(cursor, table)
                scope = sql.SQL("({})").format(sql.SQL(table.all_ids))
                if table.months is not None:
                    cursor.execute(sql.SQL(table.months).format(scope=scope), parameters)
                    ensure_months(cursor, table, [row[0] for row in cursor.fetchall()])
                cursor.execute(
                    sql.SQL("INSERT INTO {} ({}, row_hash) SELECT {}, {} FROM ({}) q").format(
                        sql.Identifier("gold", table.name),
                        names(table.column_names),
                        names(table.column_names),
                        sql.Literal("00000000-0000-0000-0000-000000000000"),
                        sql.SQL(table.select).format(scope=scope),
                    ),
                    parameters,
                )
                cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("gold", table.name)))
    return int(given["rows"])


def _days(first: int, count: int) -> list[dt.date]:
    from benchmarks.gold_silver import FIRST_DAY

    return [FIRST_DAY + dt.timedelta(days=first + n) for n in range(count)]


def _engine() -> sa.Engine:
    from retail_medallion import config
    from retail_medallion.storage.postgres.session import engine

    return engine(config.warehouse_database())


def _load(days: list[dt.date], sales_a_day: int, *, stock: bool, gold: bool) -> int:
    from benchmarks.gold_silver import make_days, make_members, prepare
    from retail_medallion.gold.fragments import cursor_of
    from retail_medallion.gold.rebuild import rebuild as rebuild_gold

    engine = _engine()
    with engine.begin() as connection, cursor_of(connection) as cursor:
        prepare(connection)
        make_members(cursor)
        make_days(cursor, days, sales_a_day, stock=stock)
        cursor.execute("TRUNCATE meta.pending")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    if gold:
        with engine.begin() as connection:
            rebuild_gold(connection)
    return sales_a_day * len(days)


def _tables() -> list[tuple[str, bool]]:
    from retail_medallion.gold.registry import TABLES

    return [(table.name, table.is_whole) for table in TABLES.values() if table.has_source]


def _write(engine: sa.Engine, name: str, day: dt.date | None) -> None:
    from retail_medallion.gold.writer import GoldWriter
    from retail_medallion.storage.partitioned import ALL_OF_IT

    with engine.begin() as connection:
        GoldWriter(name, "bench").write(connection, ALL_OF_IT if day is None else day.isoformat())
