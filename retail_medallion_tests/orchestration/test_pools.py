"""What a run holds in Dagster's storage: its pools are made once, and given back when its process was killed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.processes import ProcessIdentity
from retail_medallion.orchestration.dead_runs import mark_process, process_tags, release_dead_runs
from retail_medallion.orchestration.executors import one_process
from retail_medallion.orchestration.pools import ensure_pools
from retail_medallion_tests.platform import dagster_home
from retail_medallion_tests.servers import fresh_database_on

POOLS = ["one", "two", "three"]


@pytest.fixture
def stored(postgres_server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of Dagster whose storage is an empty database."""
    with fresh_database_on(postgres_server, prefix="dagster") as database:
        monkeypatch.setenv("DAGSTER_PG_HOST", postgres_server.host)
        monkeypatch.setenv("DAGSTER_PG_PORT", str(postgres_server.port))
        monkeypatch.setenv("DAGSTER_PG_USER", postgres_server.user)
        monkeypatch.setenv("DAGSTER_PG_PASSWORD", postgres_server.password)
        monkeypatch.setenv("DAGSTER_PG_DB", database.name)
        monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(tmp_path)))
        yield tmp_path


def test_runs_that_begin_at_once_on_an_empty_storage_all_find_their_pools(stored: Path):
    with contextlib.ExitStack() as stack:
        instances = [stack.enter_context(dg.DagsterInstance.from_config(str(stored))) for _ in range(4)]
        together, failures = threading.Barrier(len(instances)), []

        def begin(instance: dg.DagsterInstance) -> None:
            together.wait()
            try:
                ensure_pools(instance, POOLS)
            except Exception as error:  # noqa: BLE001 any failure counts
                failures.append(error)

        threads = [threading.Thread(target=begin, args=(instance,)) for instance in instances]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        storage = instances[0].event_log_storage
        assert {name: storage.get_concurrency_info(name).slot_count for name in POOLS} == dict.fromkeys(POOLS, 4)
        ensure_pools(instances[0], POOLS)


def dead_process() -> ProcessIdentity:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = ProcessIdentity.of(child.pid)
    assert identity is not None
    child.kill()
    child.communicate()
    return identity


def add_run(
    instance: dg.DagsterInstance,
    run_id: str,
    tags: dict[str, str],
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> None:
    run = dg.DagsterRun(job_name="job", run_id=run_id, status=status, tags=tags)
    instance.add_run(run)


def test_only_runs_whose_own_process_is_gone_are_ended():
    (name, mark), dead = next(iter(process_tags("x").items())), dead_process()
    host = mark.split("|")[1]
    with dg.DagsterInstance.ephemeral() as instance:
        add_run(instance, "killed", {name: f"killed|{host}|{dead.pid}|{dead.started}"})
        add_run(instance, "elsewhere", {name: f"elsewhere|another machine|{dead.pid}|{dead.started}"})
        # Repeated in the UI: it has the tags of the run it repeats, and a process that has not said so yet.
        add_run(instance, "repeated", {name: f"killed|{host}|{dead.pid}|{dead.started}"})
        add_run(instance, "living", {})
        mark_process(instance, "living")
        assert release_dead_runs(instance) == ["killed"]
        run = instance.get_run_by_id("killed")
        assert run is not None
        assert run.status == dg.DagsterRunStatus.FAILURE


def test_a_run_killed_while_it_was_being_cancelled_is_cancelled():
    (name, mark), dead = next(iter(process_tags("x").items())), dead_process()
    tags = {name: f"stuck|{mark.split('|')[1]}|{dead.pid}|{dead.started}"}
    with dg.DagsterInstance.ephemeral() as instance:
        add_run(instance, "stuck", tags, dg.DagsterRunStatus.CANCELING)
        assert release_dead_runs(instance) == ["stuck"]
        run = instance.get_run_by_id("stuck")
        assert run is not None
        assert run.status == dg.DagsterRunStatus.CANCELED


@dg.op
def nothing() -> None:
    """Does nothing."""


@dg.job(executor_def=one_process(POOLS))
def job_of_nothing() -> None:
    nothing()


def test_a_run_started_by_dagster_alone_writes_down_its_process_and_makes_its_pools(stored: Path):
    with dg.DagsterInstance.from_config(str(stored)) as instance:
        result = dg.execute_job(dg.reconstructable(job_of_nothing), instance)
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert process_tags(result.run_id).items() <= run.tags.items()
        assert set(instance.event_log_storage.get_concurrency_keys()) == set(POOLS)
