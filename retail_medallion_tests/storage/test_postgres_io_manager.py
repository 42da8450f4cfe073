"""The PostgreSQL IO manager replaces partitions whole, or leaves them as they were."""

import functools
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from retail_medallion.errors import ConfigurationError, DataContractError, DateRangeError, SchemaDriftError
from retail_medallion.storage.partitioned import PartitionData, PartitionedOutput, PartitionReport
from retail_medallion_tests.storage.postgres_assets import (
    DAYS,
    READINGS,
    daily_asset,
    manager_for,
    materializations,
    readings,
    run,
)

ROOT = Path(__file__).parents[2]
FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"


@pytest.fixture
def manager(fresh_database):
    return manager_for(fresh_database)


def one_a_day(keys):
    return readings(*(("a", f"{key} 12:00", f"{int(key[-2:])}.50") for key in keys))


def rows_in(database, query="SELECT sensor, taken_at::date::text, celsius FROM weather.readings ORDER BY 2, 1"):
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchall()
    connection.close()
    return found


def cause_of(result):
    """The error inside the step's failure, as (class name, message)."""
    failures = [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    error = failures[0].step_failure_data.error
    while error.cause is not None:
        error = error.cause
    return error.cls_name, error.message


def test_a_partition_is_replaced_and_others_are_left_alone(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=FIRST)
    run(manager, daily_asset(one_a_day), days=SECOND)
    changed = daily_asset(lambda keys: readings(("b", f"{keys[0]} 00:00", "-1.25")))
    run(manager, changed, days=SECOND)
    assert rows_in(fresh_database) == [("a", FIRST, Decimal("1.50")), ("b", SECOND, Decimal("-1.25"))]


def test_a_range_is_one_run_with_each_days_own_row_count(manager, fresh_database):
    table = readings(("a", f"{FIRST} 00:00", "1"), ("b", f"{FIRST} 23:59:59.999999", "2"), ("a", f"{THIRD} 00:00", "3"))
    events = materializations(run(manager, daily_asset(lambda _: table), days=(FIRST, THIRD)))
    assert {day: told["dagster/partition_row_count"] for day, told in events.items()} == {FIRST: 2, SECOND: 0, THIRD: 1}
    told = events[FIRST]
    assert told["dagster/table_name"] == f"{fresh_database.name}.weather.readings"
    assert {column.name: column.type for column in told["dagster/column_schema"].columns} == {
        "sensor": "text",
        "taken_at": "timestamp with time zone",
        "celsius": "numeric(6,2)",
    }
    assert told["seconds"] >= 0
    assert told["bytes"] > 0
    assert len(rows_in(fresh_database)) == 3


@pytest.mark.parametrize("reverse", [False, True])
def test_bytes_and_seconds_of_a_range_are_those_of_each_day(manager, reverse):
    many = [(f"sensor {i:04}", f"{FIRST} 00:{i % 60:02}", "1") for i in range(900)]
    few = [("long name " * 30, f"{THIRD} 00:00", "3")]
    rows = [*many, *few][:: -1 if reverse else 1]
    events = materializations(run(manager, daily_asset(lambda _: readings(*rows)), days=(FIRST, THIRD)))
    # Putting rows in order may add a bit per row and column.
    assert [events[day]["bytes"] for day in (FIRST, SECOND, THIRD)] == pytest.approx(
        [
            readings(*many).nbytes,
            0,
            readings(*few).nbytes,
        ],
        rel=0.05,
    )
    alone = materializations(run(manager, daily_asset(lambda _: readings(*few)), days=THIRD))
    assert alone[THIRD]["bytes"] == pytest.approx(events[THIRD]["bytes"], rel=0.05)
    assert events[FIRST]["seconds"] > events[THIRD]["seconds"] >= events[SECOND]["seconds"] == 0


def test_rows_that_never_left_postgresql_have_the_bytes_they_have_there(manager, fresh_database):
    run(
        manager,
        daily_asset(lambda _: readings(("a", f"{FIRST} 01:00", "1"), ("b" * 99, f"{THIRD} 02:00", "2"))),
        days=(FIRST, THIRD),
    )
    query = sa.select(*(sa.column(name) for name in READINGS.names)).select_from(
        sa.table("readings", *(sa.column(name) for name in READINGS.names), schema="weather")
    )
    events = materializations(run(manager, daily_asset(lambda _: query, "copied"), days=(FIRST, THIRD)))
    sizes = dict(
        rows_in(
            fresh_database,
            "SELECT taken_at::date::text, sum(pg_column_size(c.*))::bigint FROM weather.copied c GROUP BY 1",
        )
    )
    # In another table a row may be padded otherwise.
    assert [events[day]["bytes"] for day in (FIRST, THIRD)] == pytest.approx([sizes[FIRST], sizes[THIRD]], rel=0.1)
    assert events[SECOND]["bytes"] == 0


def test_a_failed_insert_leaves_yesterdays_rows_readable(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=FIRST)
    with fresh_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE weather.readings ADD CONSTRAINT cold CHECK (celsius < 100)")
    broken = daily_asset(lambda _: readings(("a", f"{FIRST} 01:00", "1"), ("secret", f"{FIRST} 02:00", "100")))
    result = run(manager, broken, days=FIRST, raise_on_error=False)
    kind, message = cause_of(result)
    assert kind == DataContractError.__name__
    assert "'cold'" in message
    assert "secret" not in message
    assert rows_in(fresh_database) == [("a", FIRST, Decimal("1.50"))]


def test_a_stream_that_fails_half_way_leaves_the_table_as_it_was(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=FIRST)

    def dying(_):
        def batches():
            yield readings(("b", f"{FIRST} 01:00", "1")).to_batches()[0]
            raise OSError("the disk went away")

        return pa.RecordBatchReader.from_batches(READINGS, batches())

    result = run(manager, daily_asset(dying), days=FIRST, raise_on_error=False)
    assert cause_of(result)[0] == "OSError"
    assert rows_in(fresh_database) == [("a", FIRST, Decimal("1.50"))]


@pytest.mark.parametrize("stray", [f"{SECOND} 00:00", "2025-12-31 23:59:59.999999"])
def test_a_row_outside_the_days_window_is_refused_and_the_table_left_as_it_was(manager, fresh_database, stray):
    run(manager, daily_asset(one_a_day), days=FIRST)
    straying = daily_asset(lambda _: readings(("b", f"{FIRST} 01:00", "1"), ("b", stray, "1")))
    result = run(manager, straying, days=FIRST, raise_on_error=False)
    kind, message = cause_of(result)
    assert kind == DataContractError.__name__
    assert "'taken_at'" in message
    assert rows_in(fresh_database) == [("a", FIRST, Decimal("1.50"))]


def test_a_day_that_became_empty_removes_its_rows_keeps_the_table_and_records_0(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=(FIRST, SECOND))
    events = materializations(run(manager, daily_asset(lambda _: READINGS.empty_table()), days=FIRST))
    assert events[FIRST]["dagster/partition_row_count"] == 0
    assert rows_in(fresh_database) == [("a", SECOND, Decimal("2.50"))]


def test_an_empty_first_day_makes_the_table(manager, fresh_database):
    run(manager, daily_asset(lambda _: READINGS.empty_table()), days=FIRST)
    assert rows_in(fresh_database) == []


def test_one_bad_day_of_a_range_handed_over_day_by_day_keeps_the_good_days(manager, fresh_database):
    def made(key):
        return readings(("a", f"{FIRST if key == THIRD else key} 01:00", "1"))

    def parts(keys):
        return (PartitionData(key, functools.partial(made, key)) for key in keys)

    result = run(
        manager,
        daily_asset(lambda keys: PartitionedOutput(parts(keys))),
        days=(FIRST, "2026-01-04"),
        raise_on_error=False,
    )
    assert not result.success
    assert {day: told["dagster/partition_row_count"] for day, told in materializations(result).items()} == {
        FIRST: 1,
        SECOND: 1,
    }
    assert rows_in(fresh_database) == [("a", FIRST, Decimal("1.00")), ("a", SECOND, Decimal("1.00"))]


def test_a_day_that_is_not_handed_over_is_not_recorded_as_done(manager):
    silent = daily_asset(lambda keys: PartitionedOutput([PartitionData(keys[0], one_a_day(keys[:1]))]))
    result = run(manager, silent, days=(FIRST, SECOND), raise_on_error=False)
    assert cause_of(result)[0] == ConfigurationError.__name__
    assert set(materializations(result)) == {FIRST}


@pytest.mark.parametrize("days", [(THIRD, FIRST), None], ids=["reversed", "none"])
def test_a_reversed_range_and_a_run_without_partition_are_refused(manager, days):
    result = run(manager, daily_asset(lambda _: READINGS.empty_table()), days=days, raise_on_error=False)
    assert not result.success
    assert materializations(result) == {}


def test_a_reversed_range_says_how_to_name_one(manager):
    result = run(manager, daily_asset(lambda _: READINGS.empty_table()), days=(THIRD, FIRST), raise_on_error=False)
    kind, message = cause_of(result)
    assert kind == DateRangeError.__name__
    assert "FIRST...LAST" in message


def test_a_reader_in_another_connection_sees_the_old_rows_or_the_new_and_never_half(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=FIRST)
    seen = []

    def watched(_):
        def batches():
            for number in range(20):
                yield readings(("b", f"{FIRST} 01:00", str(number))).to_batches()[0]
                seen.append(rows_in(fresh_database, "SELECT count(*), min(sensor) FROM weather.readings"))

        return pa.RecordBatchReader.from_batches(READINGS, batches())

    run(manager, daily_asset(watched), days=FIRST)
    assert seen == [[(1, "a")]] * 20
    assert rows_in(fresh_database, "SELECT count(*), min(sensor) FROM weather.readings") == [(20, "b")]


def test_two_writers_of_one_partition_take_turns(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=FIRST)
    entered, release, order = threading.Event(), threading.Event(), []

    def slow(_):
        def batches():
            order.append("slow in")
            entered.set()
            assert release.wait(20)
            yield from readings(("slow", f"{FIRST} 01:00", "1")).to_batches()
            order.append("slow out")

        return pa.RecordBatchReader.from_batches(READINGS, batches())

    def quick(_):
        def batches():
            order.append("quick in")
            yield from readings(("quick", f"{FIRST} 01:00", "1")).to_batches()

        return pa.RecordBatchReader.from_batches(READINGS, batches())

    threads = [threading.Thread(target=run, args=(manager, daily_asset(slow)), kwargs={"days": FIRST})]
    threads[0].start()
    assert entered.wait(20)
    threads.append(
        threading.Thread(target=run, args=(manager_for(fresh_database), daily_asset(quick)), kwargs={"days": FIRST})
    )
    threads[1].start()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while rows_in(fresh_database, waiting) == [(0,)]:
        assert threads[1].is_alive()
    release.set()
    for thread in threads:
        thread.join(20)
    assert order == ["slow in", "slow out", "quick in"]
    assert rows_in(fresh_database) == [("quick", FIRST, Decimal("1.00"))]


def test_a_selectable_is_inserted_inside_postgresql_and_checked_the_same_way(manager, fresh_database):
    source = daily_asset(one_a_day)

    def derived(window_of):
        @dg.asset(
            key=["weather", "warm"],
            partitions_def=DAYS,
            backfill_policy=dg.BackfillPolicy.single_run(),
            ins={"readings": dg.AssetIn(["weather", "readings"])},
            metadata={"partition_expr": "taken_at"},
        )
        def warm(readings: sa.Select) -> sa.Select:
            rows = readings.subquery()
            return sa.select(
                rows.c.sensor, window_of(rows.c.taken_at).label("taken_at"), (rows.c.celsius * 2).label("double")
            )

        return warm

    events = run(manager, source, derived(lambda column: column), days=(FIRST, SECOND)).asset_materializations_for_node(
        "weather__warm"
    )
    assert [event.metadata["dagster/partition_row_count"].value for event in events] == [1, 1]
    found = rows_in(fresh_database, "SELECT taken_at::date::text, double FROM weather.warm ORDER BY 1")
    assert found == [(FIRST, Decimal("3.00")), (SECOND, Decimal("5.00"))]

    moved = derived(lambda column: column + sa.cast("2 days", sa.Interval))
    result = run(manager, source, moved, days=(FIRST, SECOND), raise_on_error=False)
    assert cause_of(result)[0] == DataContractError.__name__
    assert rows_in(fresh_database, "SELECT taken_at::date::text, double FROM weather.warm ORDER BY 1") == found


@pytest.mark.parametrize("days", [FIRST, (FIRST, SECOND)], ids=["one", "many"])
@pytest.mark.parametrize("form", [pa.RecordBatchReader, pa.Table, pd.DataFrame, sa.Select])
def test_loading_one_partition_and_loading_many_give_the_annotated_type(manager, days, form):
    got = []

    @dg.asset(
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        ins={"readings": dg.AssetIn(["weather", "readings"])},
        metadata={"postgres/partition_column": "taken_at"},
    )
    def copy(readings: form):  # type: ignore[valid-type]
        got.append(readings)
        return readings

    run(manager, daily_asset(one_a_day), daily_asset(one_a_day, "other"), copy, days=days)
    assert isinstance(got[0], form)
    if form is pd.DataFrame:
        assert got[0].dtypes["celsius"] == pd.ArrowDtype(pa.decimal128(6, 2))


def test_an_unpartitioned_input_gives_the_whole_table_and_its_asset_replaces_the_whole_table(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=(FIRST, THIRD))

    @dg.asset(key=["weather", "totals"], ins={"readings": dg.AssetIn(["weather", "readings"])})
    def totals(readings: pa.Table) -> pa.Table:
        return pa.table({"rows": pa.array([readings.num_rows], pa.int64())})

    for _ in range(2):
        definitions = dg.Definitions(
            [daily_asset(one_a_day), totals],
            resources={"io_manager": manager},
            jobs=[dg.define_asset_job("j", [totals])],
        )
        result = definitions.resolve_job_def("j").execute_in_process()
        assert materializations(result)[None]["dagster/row_count"] == 1
    assert rows_in(fresh_database, "SELECT rows FROM weather.totals") == [(3,)]


def test_slices_of_one_table_do_not_touch_each_other(manager, fresh_database):
    def of(source, degrees):
        def produce(keys):
            table = readings((source, f"{keys[0]} 01:00", degrees))
            return table.append_column("owner", pa.array([source]))

        slice_of = {"postgres/table": "weather.shared", "postgres/slice": {"owner": source}}
        return daily_asset(produce, source, **slice_of)

    for source, degrees in (("acme", "1"), ("globex", "2"), ("acme", "3")):
        run(manager, of(source, degrees), days=FIRST)
    assert rows_in(fresh_database, "SELECT owner, celsius FROM weather.shared ORDER BY 1") == [
        ("acme", Decimal("3.00")),
        ("globex", Decimal("2.00")),
    ]
    thief = daily_asset(
        lambda keys: readings(("x", f"{keys[0]} 01:00", "9")).append_column("owner", pa.array(["globex"])),
        "acme",
        **{"postgres/table": "weather.shared", "postgres/slice": {"owner": "acme"}},
    )
    assert cause_of(run(manager, thief, days=FIRST, raise_on_error=False))[0] == DataContractError.__name__


def test_drift_is_named_column_by_column_with_expected_found_and_partition(manager, fresh_database):
    declared = dg.TableSchema(
        [
            dg.TableColumn("sensor", "varchar(10)"),
            dg.TableColumn("taken_at", "timestamptz", constraints=dg.TableColumnConstraints(nullable=False)),
            dg.TableColumn("celsius", "numeric(6, 2)"),
        ]
    )
    asset = daily_asset(one_a_day, "readings", **{"dagster/column_schema": declared})
    run(manager, asset, days=FIRST)
    run(manager, asset, days=FIRST)
    with fresh_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("""ALTER TABLE weather.readings ALTER sensor TYPE text, ALTER celsius TYPE double precision,
                          ADD humidity integer""")
    kind, message = cause_of(run(manager, asset, days=SECOND, raise_on_error=False))
    assert kind == SchemaDriftError.__name__
    assert "column 'sensor': expected character varying(10), found text" in message
    assert "column 'celsius': expected numeric(6,2), found double precision" in message
    assert "column 'humidity'" in message
    assert SECOND in message
    assert len(rows_in(fresh_database)) == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda table: table.rename_columns(["sensor", "taken_at", "degrees"]), ["'degrees'", "'celsius'"]),
        (lambda table: table.drop_columns(["sensor"]), ["'sensor'"]),
        (lambda table: table.set_column(2, "celsius", table["celsius"].cast(pa.float64())), ["'celsius'"]),
        (lambda table: table.append_column("more", pa.array([1])), ["'more'"]),
    ],
    ids=["renamed", "dropped", "retyped", "added"],
)
def test_a_changed_column_of_the_data_is_named_and_nothing_is_written(manager, fresh_database, change, named):
    run(manager, daily_asset(one_a_day), days=FIRST)
    result = run(manager, daily_asset(lambda keys: change(one_a_day(keys))), days=FIRST, raise_on_error=False)
    kind, message = cause_of(result)
    assert kind == SchemaDriftError.__name__
    assert all(name in message for name in named)
    assert rows_in(fresh_database) == [("a", FIRST, Decimal("1.50"))]


def test_columns_in_another_order_are_matched_by_name(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=FIRST)
    run(manager, daily_asset(lambda keys: one_a_day(keys).select(["celsius", "taken_at", "sensor"])), days=SECOND)
    assert len(rows_in(fresh_database)) == 2


def test_a_writer_gets_its_locks_in_order_and_its_failed_day_is_rolled_back(manager, fresh_database):
    with fresh_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA weather; CREATE TABLE weather.readings (day date)")

    class Writer:
        def locks(self, partition):
            return [f"b {partition}", f"a {partition}"]

        def write(self, connection, partition):
            connection.execute(sa.text("INSERT INTO weather.readings VALUES (:day)"), {"day": partition})
            held = connection.scalar(
                sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            )
            if partition == THIRD:
                raise DataContractError("the third day is bad")
            return PartitionReport(1, {"held": held}, skipped=partition == SECOND)

    result = run(manager, daily_asset(lambda _: Writer()), days=(FIRST, THIRD), raise_on_error=False)
    told = materializations(result)
    assert set(told) == {FIRST, SECOND}
    assert told[FIRST]["held"] == 2
    assert told[SECOND]["skipped"]
    assert rows_in(fresh_database, "SELECT day::text FROM weather.readings ORDER BY 1") == [(FIRST,), (SECOND,)]


def test_the_password_is_shown_nowhere(fresh_database):
    secretive = manager_for(fresh_database, password="hunter2-secret")
    assert "hunter2" not in repr(secretive)
    assert "hunter2" not in str(secretive.store.settings)
    result = run(secretive, daily_asset(one_a_day), days=FIRST, raise_on_error=False)
    assert "hunter2" not in "".join(str(event) for event in result.all_events)


KILLED = """
import os, signal, sys
import pyarrow as pa
from retail_medallion_tests.storage.postgres_assets import READINGS, daily_asset, manager_for, readings, run
from retail_medallion_tests.servers import FreshDatabase

def dying(_):
    def batches():
        for _ in range(50):
            yield readings(*[("half", "2026-01-01 01:00", "1")] * 5000).to_batches()[0]
        os.kill(os.getpid(), signal.SIGKILL)

    return pa.RecordBatchReader.from_batches(READINGS, batches())

run(manager_for(FreshDatabase(sys.argv[1], sys.argv[2])), daily_asset(dying), days="2026-01-01")
"""


def test_a_killed_run_leaves_the_table_as_it_was_and_the_next_run_succeeds(manager, fresh_database):
    run(manager, daily_asset(one_a_day), days=FIRST)
    arguments = [sys.executable, "-c", KILLED, fresh_database.name, fresh_database.dsn]
    assert subprocess.run(arguments, capture_output=True, check=False, cwd=ROOT).returncode == -signal.SIGKILL
    assert rows_in(fresh_database) == [("a", FIRST, Decimal("1.50"))]
    run(manager, daily_asset(lambda _: readings(("b", f"{FIRST} 01:00", "2"))), days=FIRST)
    assert rows_in(fresh_database) == [("b", FIRST, Decimal("2.00"))]
