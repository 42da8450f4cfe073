"""Reading streams rows with exact types, in bounded memory, and can be stopped at any moment."""

from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
import textwrap
import threading
import time
from decimal import Decimal

import psycopg2
import pyarrow as pa
import pytest

from retail_medallion.errors import DataContractError, ServiceUnavailableError, SourceSchemaError
from retail_medallion.storage.postgres import copy_out
from retail_medallion.storage.postgres.copy_out import open_query, read_query
from retail_medallion.storage.postgres.types import describe_query

# In the select list the series is streamed; in FROM the server would first write all of it to disk.
ENDLESS = "SELECT generate_series(1, 1000000000) AS n, repeat('x', 100) AS t"


@pytest.fixture
def connection(fresh_database):
    opened = fresh_database.connect()
    yield opened
    opened.close()


def copy_threads():
    names = {"postgres-copy-out", "postgres-parse"}
    return [thread for thread in threading.enumerate() if thread.name in names]


def test_types_come_from_the_catalogue_without_running_the_query(connection):
    columns = describe_query(
        connection,
        "SELECT 1.50::numeric(12,2) AS a, sum(1.5) AS b, pg_sleep(60)::text AS c, now() AS d, '{}'::uuid[] AS e",
    )
    assert [(column.name, column.postgres_type, column.field.type) for column in columns] == [
        ("a", "numeric(12,2)", pa.decimal128(12, 2)),
        ("b", "numeric", pa.string()),
        ("c", "text", pa.string()),
        ("d", "timestamp with time zone", pa.timestamp("us", "UTC")),
        ("e", "uuid[]", pa.list_(pa.string())),
    ]
    assert columns[1].field.metadata == {b"postgres_type": b"numeric", b"postgres_carried_as": b"text"}


def test_values_are_exact_and_null_is_not_an_empty_text(connection):
    query = (
        "SELECT * FROM (VALUES (9007199254740993::bigint, '' , 0.1::numeric(3,2)), (NULL, NULL, NULL)) AS v(a, b, c)"
    )
    table = read_query(connection, query).read_all()
    assert table.to_pylist() == [{"a": 9007199254740993, "b": "", "c": "0.10"}, {"a": None, "b": None, "c": None}]
    table = read_query(connection, "SELECT 0.1::numeric(3,2) AS c").read_all()
    assert table.to_pylist() == [{"c": Decimal("0.10")}]


def test_a_percent_sign_a_comment_at_the_end_and_bound_values_are_no_trouble(connection):
    assert read_query(connection, "SELECT '50%s' AS t -- 100 %").read_all()["t"].to_pylist() == ["50%s"]
    bound = read_query(connection, "SELECT %(text)s AS t, 'a%%' AS u", parameters={"text": "it's %s"}).read_all()
    assert bound.to_pylist() == [{"t": "it's %s", "u": "a%"}]


def test_chosen_columns_come_in_the_order_asked_for(connection):
    reader = read_query(connection, "SELECT 1 AS a, ARRAY[1] AS b, 3 AS c", columns=["c", "b"])
    assert reader.read_all().to_pylist() == [{"c": 3, "b": [1]}]
    with pytest.raises(SourceSchemaError, match="no column 'd'"):
        read_query(connection, "SELECT 1 AS a", columns=["d"])


@pytest.mark.parametrize(
    ("query", "error", "named"),
    [
        ("SELECT nothing", SourceSchemaError, '"nothing"'),
        ("SELECT 1 AS a, 2 AS a", SourceSchemaError, "'a'"),
        ("SELECT", SourceSchemaError, "without columns"),
        ("SELECT 1 / (n - 5000) AS a FROM generate_series(1, 9000) AS n", DataContractError, "division by zero"),
        ("SELECT 'NaN'::numeric(5,2) AS price", DataContractError, "'price'"),
        ("SELECT ARRAY[[1]] AS grid", DataContractError, "'grid'"),
        ("SELECT '[0:0]={1}'::int[] AS shifted", DataContractError, "'shifted'"),
        ("SELECT '294276-12-31'::timestamptz AS late", DataContractError, "'late'"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_connection_stays_usable(connection, query, error, named):
    with pytest.raises(error, match=named):
        read_query(connection, query).read_all()
    connection.rollback()
    assert read_query(connection, "SELECT 1 AS a").read_all().num_rows == 1
    assert copy_threads() == []


def test_an_error_text_never_holds_a_value(connection):
    with pytest.raises(DataContractError) as caught:
        read_query(connection, "SELECT ('secret' || n)::integer AS a FROM generate_series(1, 3) AS n").read_all()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_awkward_values_cost_only_their_column_and_stay_exact(connection, monkeypatch):
    monkeypatch.setattr(copy_out, "BLOCK_BYTES", 2000)
    query = """SELECT n, CASE WHEN n % 100 = 50 THEN 'infinity' ELSE date '2026-01-01' + n % 30 END::date AS d,
                      timestamp '0044-03-15 BC' AS b FROM generate_series(1, 1000) AS n ORDER BY n"""
    table = read_query(connection, query).read_all()
    days = table["d"].cast(pa.int32()).to_pylist()
    assert table["n"].to_pylist() == list(range(1, 1001))
    assert [index + 1 for index, day in enumerate(days) if day == 2**31 - 1] == list(range(50, 1001, 100))
    assert days[0] == (dt.date(2026, 1, 2) - dt.date(1970, 1, 1)).days
    assert table.column("n").num_chunks > 5


def test_leaving_early_cancels_the_query_and_leaves_no_thread(connection):
    started = time.monotonic()
    with open_query(connection, ENDLESS) as reader:
        assert reader.read_next_batch().num_rows > 0
        assert len(copy_threads()) == 2
    assert time.monotonic() - started < 30
    assert copy_threads() == []
    assert read_query(connection, "SELECT 1 AS a").read_all().num_rows == 1


def test_dropping_a_reader_half_way_cancels_the_query(connection):
    reader = read_query(connection, ENDLESS)
    reader.read_next_batch()
    del reader
    gc.collect()
    assert copy_threads() == []
    assert read_query(connection, "SELECT 1 AS a").read_all().num_rows == 1


def test_a_reader_never_read_runs_nothing(connection):
    read_query(connection, ENDLESS)
    assert copy_threads() == []


def test_a_killed_connection_is_a_transient_error_raised_once(connection, fresh_database):
    reader = read_query(connection, ENDLESS)
    reader.read_next_batch()
    with fresh_database.connect() as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    other.close()
    with pytest.raises(ServiceUnavailableError):
        reader.read_all()
    assert copy_threads() == []


def test_rows_larger_than_a_block_pass(connection, monkeypatch):
    monkeypatch.setattr(copy_out, "BLOCK_BYTES", 100)
    table = read_query(connection, "SELECT n, repeat('é', 100000) AS t FROM generate_series(1, 5) AS n").read_all()
    assert table["t"].to_pylist() == ["é" * 100000] * 5


def test_blocks_are_cut_between_rows_whatever_their_lengths(connection, monkeypatch):
    monkeypatch.setattr(copy_out, "BLOCK_BYTES", 256)
    lengths = "SELECT g, repeat(E'a\n\"', (g * 7919 % 211)::int) AS t FROM generate_series(1, 3000) AS g"
    found = read_query(connection, lengths).read_all()
    assert found.column("g").to_pylist() == list(range(1, 3001))
    assert found.column("t").to_pylist() == ['a\n"' * (g * 7919 % 211) for g in range(1, 3001)]


def test_reading_works_in_a_read_only_snapshot_and_in_autocommit(connection):
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    assert read_query(connection, "SELECT ARRAY['a'] AS a").read_all().num_rows == 1
    connection.rollback()
    connection.set_session(autocommit=True, readonly=False)
    assert read_query(connection, "SELECT ARRAY['a'] AS a").read_all().num_rows == 1


def test_other_session_settings_change_no_value(connection):
    query = """SELECT timestamptz '2026-06-01 00:00+02' AS t, date '2026-02-03' AS d, '\\x00ff'::bytea AS b,
                      interval '1 day -2 hours' AS i, 0.1::float8 + 0.2::float8 AS f"""
    expected = read_query(connection, query).read_all().to_pylist()
    with connection.cursor() as cursor:
        for setting in (
            "TimeZone = 'Asia/Kolkata'",
            "DateStyle = 'SQL, DMY'",
            "bytea_output = 'escape'",
            "IntervalStyle = 'sql_standard'",
            "extra_float_digits = -5",
        ):
            cursor.execute("SET " + setting)
    assert read_query(connection, query).read_all().to_pylist() == expected
    assert expected[0]["t"] == dt.datetime(2026, 5, 31, 22, tzinfo=dt.UTC)


def test_memory_does_not_grow_with_the_rows(fresh_database):
    program = textwrap.dedent("""
        import re, sys, psycopg2
        from retail_medallion.storage.postgres.copy_out import read_query
        query = "SELECT n, md5(n::text) AS a, md5(n::text) AS b, n * 1.25 AS c FROM generate_series(1, %s) AS n"
        reader = read_query(psycopg2.connect(sys.argv[1]), query, parameters=[int(sys.argv[2])])
        rows = sum(len(batch) for batch in reader)
        # Not ru_maxrss: that one remembers what the test runner held when it forked.
        peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
        print(rows, int(peak[1]) // 1024)
    """)
    peaks = []
    # Below some hundred thousand rows the pipeline is not full yet.
    for rows in (400_000, 2_000_000):
        done = subprocess.run(
            [sys.executable, "-c", program, fresh_database.dsn, str(rows)], capture_output=True, text=True, check=True
        )
        counted, peak = map(int, done.stdout.split())
        assert counted == rows
        peaks.append(peak)
    assert peaks[1] < 300
    assert peaks[1] - peaks[0] < 100


def test_invalid_bytes_of_a_database_without_encoding_are_refused(postgres_server, fresh_database):
    admin = fresh_database.connect()
    admin.autocommit = True
    name = fresh_database.name + "_ascii"
    with admin.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
        )
    ascii_database = psycopg2.connect(postgres_server.dsn(name))
    try:
        with pytest.raises(DataContractError, match="not in repertoire"):
            read_query(ascii_database, "SELECT convert_from('\\xff'::bytea, 'SQL_ASCII') AS t").read_all()
    finally:
        ascii_database.close()
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")
        admin.close()
