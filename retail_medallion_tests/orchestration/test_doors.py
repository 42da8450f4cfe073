"""The same days through every door: each leaves the same Silver and Gold."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.platform import NewPlatform, Platform, days, process_environment

ROOT = Path(__file__).parents[2]
FIRST, SECOND, LAST = (str(day) for day in days(3))
SELECTION = 'key:"demo/*"'


@pytest.fixture
def platform(new_platform: NewPlatform) -> Platform:
    return new_platform()


@pytest.fixture
def environment(platform: Platform, postgres_server: EmbeddedPostgres) -> Iterator[dict[str, str]]:
    with process_environment(platform, postgres_server) as variables:
        yield variables


def run(environment: dict[str, str], program: str, *arguments: str) -> str:
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def states(platform: Platform) -> dict[str, str]:
    """What is true now; when a snapshot was taken depends on how the days were cut into runs."""
    return {table: digest for table, digest in platform.digests().items() if table.startswith(("silver.", "gold."))}


@pytest.mark.slow
def test_a_range_by_dagsters_own_command(platform: Platform, environment: dict[str, str], loaded: Platform):
    command = ("asset", "materialize", "-m", "retail_medallion.definitions", "--select", SELECTION)
    run(environment, "dagster", *command, "--partition-range", f"{FIRST}...{LAST}")
    assert platform.digests() == loaded.digests()


@pytest.mark.slow
def test_single_days_by_dagsters_own_command(platform: Platform, environment: dict[str, str], loaded: Platform):
    command = ("asset", "materialize", "-m", "retail_medallion.definitions", "--select", SELECTION)
    for day in (FIRST, SECOND, LAST):
        run(environment, "dagster", *command, "--partition", day)
    assert states(platform) == states(loaded)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_days_and_a_range_by_dg(platform: Platform, environment: dict[str, str], loaded: Platform):
    run(environment, "dg", "launch", "--assets", SELECTION, "--partition", FIRST)
    run(environment, "dg", "launch", "--assets", SELECTION, "--partition-range", f"{SECOND}...{LAST}")
    assert states(platform) == states(loaded)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_backfill_in_chunks_and_a_run_by_our_command(
    platform: Platform, environment: dict[str, str], loaded: Platform
):
    told = run(environment, "retail-medallion", "backfill", "--start", FIRST, "--end", LAST, "--chunk", "2")
    assert told.count("the same by hand") == 2
    assert states(platform) == states(loaded)
    # START_DATE and END_DATE are the range of a command without arguments.
    told = run({**environment, "START_DATE": LAST}, "retail-medallion", "run")
    assert f"--partition {LAST}" in told
    assert "nothing was written again" in told
    assert states(platform) == states(loaded)
    assert "All" in run(environment, "retail-medallion", "reconcile")


LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name } } } }"
LAUNCH_RUN = """
mutation ($parameters: ExecutionParams!) {
  launchPipelineExecution(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
LAUNCH_BACKFILL = """
mutation ($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
RUN_STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
BACKFILL_STATUS = (
    "query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
)


class UI:
    """The web server as a browser talks to it."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 our own http address
            f"{self._address}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found = json.load(answer)
        assert "errors" not in found, found
        return dict(found["data"])

    def wait(self, query: str, identity: str, *, done: str, failed: Sequence[str]) -> None:
        answer: dict[str, Any] = {}
        for _ in range(240):
            (answer,) = self.ask(query, id=identity).values()
            if answer["status"] == done:
                return
            assert answer["status"] not in failed, answer
            time.sleep(1)
        raise AssertionError(f"{identity} is still not done: {answer}")


@contextlib.contextmanager
def user_interface(environment: dict[str, str], log: Path) -> Iterator[UI]:
    """A web server, and the daemon that starts what is launched there."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as reserved:
        port = reserved.getsockname()[1]
    folder = Path(sys.executable).parent
    web = [str(folder / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output:
        settings: dict[str, Any] = {"cwd": ROOT, "env": environment, "stdout": output, "stderr": subprocess.STDOUT}
        processes = [subprocess.Popen(web, **settings)]
        try:
            _until_up(f"http://127.0.0.1:{port}/server_info", log)
            processes.append(subprocess.Popen([str(folder / "dagster-daemon"), "run"], **settings))
            yield UI(f"http://127.0.0.1:{port}")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)


def _until_up(address: str, log: Path) -> None:
    for _ in range(120):
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(address, timeout=5):  # noqa: S310
            return
        time.sleep(1)
    raise AssertionError(log.read_text())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_day_and_a_range_launched_in_the_ui(
    platform: Platform, environment: dict[str, str], loaded: Platform, tmp_path: Path
):
    keys = [{"path": list(key.path)} for key in platform.asset_keys()]
    with user_interface(environment, tmp_path / "log") as ui:
        (found,) = ui.ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
        location = {"repositoryName": "__repository__", "repositoryLocationName": found["name"]}
        parameters = {
            "selector": {**location, "pipelineName": "demo_daily", "assetSelection": keys, "assetCheckSelection": []},
            "mode": "default",
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": FIRST}]},
        }
        launched = ui.ask(LAUNCH_RUN, parameters=parameters)["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        ui.wait(RUN_STATUS, launched["run"]["runId"], done="SUCCESS", failed=("FAILURE", "CANCELED"))
        backfill = ui.ask(LAUNCH_BACKFILL, parameters={"assetSelection": keys, "partitionNames": [SECOND, LAST]})
        launched = backfill["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        failed = ("FAILED", "COMPLETED_FAILED", "CANCELED", "FAILING")
        ui.wait(BACKFILL_STATUS, launched["backfillId"], done="COMPLETED_SUCCESS", failed=failed)
    assert states(platform) == states(loaded)
    assert platform.reconcile().holds
