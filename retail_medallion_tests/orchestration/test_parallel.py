"""A run with a process per step reads a source as of one instant, as a run in one process does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.orchestration.io_managers import bronze_store
from retail_medallion.storage.parquet_store import ObjectInfo
from retail_medallion_tests.platform import FIRST_DAY, NewPlatform, Platform, demo_database_on, process_environment
from retail_medallion_tests.servers import FreshDatabase

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    with demo_database_on(postgres_server, last_day=FIRST_DAY) as database:
        yield database


def extracted(platform: Platform, entity: str) -> ObjectInfo:
    """What was extracted of an entity."""
    (key,) = (key for key in platform.objects() if f"/{entity}/" in key)
    with platform.active():
        info = bronze_store().stat(key)
    assert info is not None
    return info


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_source_that_changes_between_the_steps_of_a_parallel_run_is_read_in_one_state(
    new_platform_for: Callable[[FreshDatabase], NewPlatform], source: FreshDatabase, postgres_server: EmbeddedPostgres
):
    platform = new_platform_for(source)()
    command = [sys.executable, "-m", "retail_medallion_tests.orchestration.changing_source", str(FIRST_DAY)]
    with process_environment(platform, postgres_server) as variables:
        done = subprocess.run(
            command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=240, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    # Each step begins by changing all rows, and a changed row belongs to another day. The first run reads them as they
    # were when it began; the second repeats the step that failed, and reads what is there now.
    suppliers, products = extracted(platform, "suppliers"), extracted(platform, "products")
    assert (suppliers.rows > 0, products.rows) == (True, 0)
    assert products.metadata["snapshot_taken_at"] > suppliers.metadata["snapshot_taken_at"]
    # And nothing holds the source once the last extract is over.
    assert done.stdout.strip().endswith("held 0")
