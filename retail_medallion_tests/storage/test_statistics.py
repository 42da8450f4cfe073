from __future__ import annotations

import contextlib
import time
from typing import Any

import sqlalchemy as sa

from retail_medallion.storage.postgres.catalogue import TableName
from retail_medallion.storage.postgres.statistics import analyze_if_stale, analyze_where_grown
from retail_medallion_tests.servers import FreshDatabase

PLAIN = TableName("lines", "shop")
PARTITIONED = TableName("by month", "shop")


def make_tables(connection: Any) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE SCHEMA shop; CREATE TABLE shop.lines (id int) WITH (autovacuum_enabled = off);"
            ' CREATE TABLE shop."by month" (day date) PARTITION BY RANGE (day);'
            " CREATE TABLE shop.june PARTITION OF shop.\"by month\" FOR VALUES FROM ('2026-06-01') TO ('2026-07-01')"
            " WITH (autovacuum_enabled = off)"
        )


def fill(connection: Any) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO shop.lines SELECT generate_series(1, 5000);"
            " INSERT INTO shop.\"by month\" SELECT date '2026-06-01' + i %% 30 FROM generate_series(1, 5000) i",
            (),
        )
        cursor.execute("SELECT pg_stat_force_next_flush()")


def estimated_rows(connection: Any, table: str) -> float:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", (table,))
        return float(cursor.fetchone()[0])


def test_a_table_filled_a_moment_ago_is_analysed_once_with_its_partitions(fresh_database: Any) -> None:
    connection = fresh_database.connect()
    make_tables(connection)
    fill(connection)
    engine = sa.create_engine(fresh_database.url, poolclass=sa.pool.NullPool)
    deadline = time.monotonic() + 10
    analysed: list[str] = []
    while len(analysed) < 2 and time.monotonic() < deadline:
        analysed += analyze_if_stale(engine, [PLAIN, PARTITIONED])
        time.sleep(0.1)
    assert sorted(analysed) == ["shop.by month", "shop.lines"]
    assert estimated_rows(connection, "shop.lines") == 5000
    assert estimated_rows(connection, "shop.june") == 5000
    assert analyze_if_stale(engine, [PLAIN, PARTITIONED]) == []
    connection.close()


def test_a_table_somebody_holds_a_lock_on_is_left_alone(fresh_database: Any) -> None:
    connection, other = fresh_database.connect(), fresh_database.connect()
    make_tables(connection)
    fill(connection)
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE shop.lines IN SHARE UPDATE EXCLUSIVE MODE")
    engine = sa.create_engine(fresh_database.url, poolclass=sa.pool.NullPool)
    assert "shop.lines" not in analyze_if_stale(engine, [PLAIN])
    other.close()
    connection.close()


def test_a_table_that_a_transaction_fills_is_known_to_the_planner_before_it_ends(fresh_database: FreshDatabase) -> None:
    table = TableName("filled", "public")
    with contextlib.closing(fresh_database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE filled AS SELECT n FROM generate_series(1, 5000) n")
        analyze_where_grown(cursor, {table: 5000})
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'filled'")
        assert cursor.fetchone() == (5000,)
        cursor.execute("INSERT INTO filled SELECT n FROM generate_series(1, 400) n")
        analyze_where_grown(cursor, {table: 400})
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'filled'")
        assert cursor.fetchone() == (5000,)
