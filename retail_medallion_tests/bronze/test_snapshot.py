"""A snapshot that one process holds and another reads."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import psycopg2
import psycopg2.extensions
import pytest

from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.errors import (
    AccessDeniedError,
    RetailMedallionError,
    ServiceUnavailableError,
    SourceSchemaError,
)
from retail_medallion.orchestration.shared_snapshot import snapshot_held_by_run
from retail_medallion_tests.bronze.harness import execute
from retail_medallion_tests.servers import FreshDatabase


class Refusing(psycopg2.extensions.connection):
    """A connection on which importing a snapshot fails with an SQLSTATE."""

    state = ""

    @classmethod
    def over(cls, dsn: str, state: str) -> Refusing:
        return psycopg2.connect(dsn, connection_factory=type("Refuses", (cls,), {"state": state}))

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        connection = self

        class Cursor(psycopg2.extensions.cursor):
            def execute(self, statement: Any, parameters: Any = None) -> None:
                if str(statement).startswith("SET TRANSACTION SNAPSHOT"):
                    statement = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = %s; END $$"
                    parameters = (psycopg2.extensions.AsIs(f"'{connection.state}'"),)
                super().execute(statement, parameters)

        return super().cursor(*arguments, cursor_factory=Cursor, **options)


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


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("state", "kind"), [("42501", AccessDeniedError), ("53200", ServiceUnavailableError), ("0A000", SourceSchemaError)]
)
def test_another_refusal_of_a_snapshot_keeps_its_own_cause(
    fresh_database: FreshDatabase, state: str, kind: type[RetailMedallionError]
):
    with SourceSnapshot(fresh_database.connect) as held:
        snapshot = SourceSnapshot(lambda: Refusing.over(fresh_database.dsn, state), exported=held.exported)
        with snapshot as told, pytest.raises(kind, match=f"SQLSTATE {state}") as refused:
            count(told)
    assert "has ended" not in str(refused.value)


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
