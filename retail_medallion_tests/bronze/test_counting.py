"""The source counts in a session of its own while its rows are read."""

from __future__ import annotations

import threading
import time

import psycopg2
import pytest

from retail_medallion.bronze import totals
from retail_medallion.bronze.block import ExtractBlock
from retail_medallion.bronze.query import ExtractPlan, plan_extract
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.errors import RetailMedallionError, ServiceUnavailableError
from retail_medallion_tests.bronze.harness import Source, changed, execute


def test_rows_are_read_while_the_source_counts(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.execute("INSERT INTO thing SELECT g, 'x', 1.5, '2025-03-02' FROM generate_series(1, 50) g")
    read = threading.Event()
    count_in_source, update = totals.count_in_source, totals.ControlTotals.update

    def count_when_rows_were_read(*args, **kwargs):
        assert read.wait(10)
        return count_in_source(*args, **kwargs)

    def tell(self, batch):
        read.set()
        update(self, batch)

    monkeypatch.setattr(totals, "count_in_source", count_when_rows_were_read)
    monkeypatch.setattr(totals.ControlTotals, "update", tell)
    [info] = source.run(1)
    assert info.rows == 50
    assert info.metadata["source_rows"] == "50"


def test_an_extract_that_fails_does_not_wait_for_what_the_source_still_counts(source: Source) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02')")
    slow = "CASE WHEN (SELECT count(*) FROM generate_series(1, 1000000000)) > 0 THEN 1.5::numeric(3,1) END"
    block = changed(
        table=None,
        # The count evaluates the slow column alone, the extract the impossible one first.
        query=f"SELECT id, updated_at, 1 / (id - id) AS impossible, {slow} AS price FROM thing",  # noqa: S608
    )
    began = time.monotonic()
    with pytest.raises(RetailMedallionError, match="division by zero"):
        source.run(1, block=block)
    assert time.monotonic() - began < 20
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT count(*)%AS counted'"
    assert execute(source.database, running) == [(0,)]


def test_a_count_that_failed_is_told_and_its_session_is_not_lent_again(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.execute("INSERT INTO thing VALUES (1, 'a', 1, '2025-03-02')")
    sessions = []

    def fail(connection, *_args, **_kwargs):
        sessions.append(connection)
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.UndefinedTable):
            cursor.execute("SELECT FROM nowhere")
        raise ServiceUnavailableError("The count was cancelled.")

    with SourceSnapshot(source.database.connect) as snapshot:
        plan = plan_extract_of(snapshot, source.block)
        monkeypatch.setattr(totals, "count_in_source", fail)
        with (
            pytest.raises(ServiceUnavailableError, match="cancelled"),
            totals.counting(snapshot, plan, None, where="thing"),
        ):
            pass
        with snapshot.worker() as first, snapshot.worker() as second:
            assert not {first, second} & set(sessions)
            for connection in (first, second):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM thing")
                    assert cursor.fetchone() == (1,)


def plan_extract_of(snapshot: SourceSnapshot, block: ExtractBlock) -> ExtractPlan:
    with snapshot.worker() as connection:
        return plan_extract(connection, block)
