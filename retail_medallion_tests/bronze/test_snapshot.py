"""A snapshot that one process holds and another reads."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.errors import ServiceUnavailableError
from retail_medallion.orchestration.shared_snapshot import snapshot_held_by_run
from retail_medallion_tests.bronze.harness import execute
from retail_medallion_tests.servers import FreshDatabase

COUNT = "SELECT count(*) FROM thing"


def count(snapshot: SourceSnapshot) -> int:
    with snapshot.worker() as connection, connection.cursor() as cursor:
        cursor.execute(COUNT)
        return int(cursor.fetchall()[0][0])


@pytest.mark.usefixtures("source")
def test_who_is_told_of_a_snapshot_reads_what_its_holder_reads(fresh_database: FreshDatabase):
    with SourceSnapshot(fresh_database.connect) as held:
        execute(fresh_database, "INSERT INTO thing VALUES (1, 'later', 1.00, now())")
        with SourceSnapshot(fresh_database.connect, exported=held.exported) as told:
            assert (count(held), count(told)) == (0, 0)
            assert told.exported == held.exported
        assert count(held) == 0
    with SourceSnapshot(fresh_database.connect) as later:
        assert count(later) == 1


@pytest.mark.usefixtures("source")
def test_a_snapshot_whose_holder_is_gone_is_refused(fresh_database: FreshDatabase):
    with SourceSnapshot(fresh_database.connect) as held:
        exported = held.exported
    with (
        SourceSnapshot(fresh_database.connect, exported=exported) as told,
        pytest.raises(ServiceUnavailableError, match="the session that holds it has ended"),
    ):
        count(told)


def test_a_run_that_inherits_the_tags_of_another_does_not_read_its_snapshot():
    told = {"run": "first", "id": "0000-1", "taken_at": "2026-06-17T00:00:00+00:00", "server_version": "18.6"}
    with dg.DagsterInstance.ephemeral() as instance:
        for run_id in ("first", "second"):
            run = dg.DagsterRun(
                job_name="job", run_id=run_id, tags={"retail_medallion/snapshot_shop": json.dumps(told)}
            )
            instance.add_run(run)
        held = snapshot_held_by_run(instance, "first", "shop")
        assert held is not None
        assert held.snapshot_id == "0000-1"
        assert snapshot_held_by_run(instance, "second", "shop") is None
        assert snapshot_held_by_run(instance, "first", "other") is None
