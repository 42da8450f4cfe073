"""A run that is killed, wherever it is, and then simply run again, gives what a run that was never killed gives."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.orchestration.crash import POINTS
from retail_medallion_tests.platform import NewPlatform, Platform, days, process_environment

ROOT = Path(__file__).parents[2]
RUN = ["run", "--start", str(days(3)[0]), "--end", str(days(3)[-1])]

DAGSTERS_OWN = [
    *("dagster", "asset", "materialize", "-m", "retail_medallion.definitions"),
    *("--select", 'key:"demo/*"', "--partition-range", f"{days(3)[0]}...{days(3)[-1]}"),
]


def run_killed(point: str, count: int, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "retail_medallion_tests.orchestration.crash", point, str(count), *RUN]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == -signal.SIGKILL, f"{point} {count} was not reached: {done.stdout}{done.stderr}"


def run_again(environment: dict[str, str], arguments: Sequence[str] = ("retail-medallion", *RUN)) -> None:
    program, *rest = arguments
    command = [str(Path(sys.executable).parent / program), *rest]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_killed_in_each_layer_one_after_the_other_ends_as_if_nothing_had_happened(
    new_platform: NewPlatform, loaded: Platform, postgres_server: EmbeddedPostgres
):
    platform = new_platform()
    with process_environment(platform, postgres_server) as environment:
        # Each is about the middle of its layer: three days of nine entities with eleven blocks, and of eleven tables.
        for point, count in (("bronze.before_put", 15), ("silver.before_commit", 11), ("gold.after_commit", 17)):
            run_killed(point, count, environment)
            assert platform.digests() != loaded.digests()
        run_again(environment, DAGSTERS_OWN)
    assert platform.digests() == loaded.digests()
    assert platform.reconcile().holds


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("count", [1, 8, 20])
def test_a_run_killed_at_any_point_can_simply_be_run_again(
    new_platform: NewPlatform, loaded: Platform, postgres_server: EmbeddedPostgres, point: str, count: int
):
    platform = new_platform()
    with process_environment(platform, postgres_server) as environment:
        run_killed(point, count, environment)
        run_again(environment)
    assert platform.digests() == loaded.digests()
    assert platform.reconcile().holds


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_more_often_than_its_pool_has_slots_does_not_wait_for_them(
    new_platform: NewPlatform, loaded: Platform, postgres_server: EmbeddedPostgres
):
    platform = new_platform()
    with process_environment(platform, postgres_server) as environment:
        for _ in range(5):
            run_killed("bronze.before_put", 1, environment)
        run_again(environment)
    assert platform.digests() == loaded.digests()
