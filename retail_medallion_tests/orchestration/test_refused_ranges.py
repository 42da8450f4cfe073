"""Ranges that make no sense are refused through every door and leave nothing behind."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from psycopg2 import sql

from retail_medallion.cli import main
from retail_medallion.model import load_model
from retail_medallion.orchestration.resources import Warehouse
from retail_medallion_tests.platform import FIRST_DAY, QUIET, NewPlatform, Platform, days

TOMORROW = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).date()
BEFORE_FIRST = FIRST_DAY - dt.timedelta(days=1)


@pytest.fixture(scope="module")
def platform(new_platform: NewPlatform) -> Platform:
    """A platform with all its tables on which nothing may ever happen."""
    platform = new_platform()
    with platform.active():
        Warehouse(load_model(), platform.mappings).prepare()
    return platform


@pytest.fixture
def home(platform: Platform, tmp_path: Path) -> Iterator[Path]:
    """The platform's variables and a home of Dagster in which its commands write runs down."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with platform.active(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path))
        yield tmp_path


def assert_nothing_happened(platform: Platform, instance: dg.DagsterInstance) -> None:
    for key in platform.asset_keys():
        assert instance.get_latest_materialization_event(key) is None, key
    assert platform.objects() == {}
    filled = {table for table, digest in platform.digests().items() if not digest.startswith("0 ")}
    assert {table for table in filled if not table.startswith("gold.dim_")} == set()
    for table in filled - {"gold.dim_date"}:
        # Members that stand for "not applicable" come with the schema and belong to no source.
        of_source = sql.SQL("SELECT count(*) FROM {} WHERE source_system = %s").format(
            sql.Identifier(*table.split("."))
        )
        assert platform.ask(of_source, platform.source) == [(0,)], table
    assert platform.ask("SELECT count(*) FROM meta.reflected") == [(0,)]


def range_of(first: dt.date, last: dt.date) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}


def cause(event: dg.DagsterEvent) -> str | None:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.cls_name if error is not None else None


def exit_code(command: Callable[[], object]) -> object:
    """What a process that runs this command exits with."""
    try:
        command()
    except SystemExit as stop:
        return stop.code
    except Exception:  # noqa: BLE001 an uncaught exception ends a process with 1
        return 1
    return 0


@pytest.mark.parametrize("layer", ["bronze", "silver", "gold"])
@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param({"tags": range_of(days(3)[2], FIRST_DAY)}, id="reversed"),
        pytest.param({}, id="no partition"),
        pytest.param({"partition_key": str(BEFORE_FIRST)}, id="before the first"),
        pytest.param({"tags": range_of(BEFORE_FIRST, FIRST_DAY)}, id="beginning before the first"),
    ],
)
def test_each_layer_refuses(platform: Platform, layer: str, wanted: dict[str, Any]):
    job = platform.definitions.resolve_job_def("demo_daily")
    with platform.active(), dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[key for key in platform.asset_keys() if key.path[1] == layer],
            run_config=QUIET,
            raise_on_error=False,
            **wanted,
        )
        # Without a partition Dagster itself refuses to load what is partitioned.
        refusals = {"DateRangeError"} if wanted else {"DateRangeError", "DagsterInvariantViolationError"}
        assert not result.success
        assert {cause(event) for event in result.all_events if event.is_step_failure} <= refusals
        assert_nothing_happened(platform, instance)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--partition-range", f"{days(3)[2]}...{FIRST_DAY}"], id="reversed"),
        pytest.param(["--partition", "2026-13-01"], id="unknown"),
        pytest.param(["--partition", str(TOMORROW)], id="future"),
        pytest.param(["--partition-range", f"{FIRST_DAY}...{TOMORROW}"], id="into the future"),
        pytest.param(["--partition-range", f"{FIRST_DAY}..."], id="without an end"),
        pytest.param(["--partition", "2023-12-31"], id="before all sources"),
        pytest.param(["--partition", str(BEFORE_FIRST)], id="before the first"),
        pytest.param([], id="no partition"),
    ],
)
def test_dagsters_own_command_refuses(
    platform: Platform, home: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
):
    (entry,) = entry_points(group="console_scripts", name="dagster")
    command = [
        "dagster",
        "asset",
        "materialize",
        "-m",
        "retail_medallion.definitions",
        "--select",
        'key:"demo/*"',
        *arguments,
    ]
    assert home.exists()
    monkeypatch.setattr(sys, "argv", command)
    assert exit_code(entry.load()) not in {0, None}
    with dg.DagsterInstance.get() as instance:
        assert_nothing_happened(platform, instance)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["run", "--start", str(days(3)[2]), "--end", str(FIRST_DAY)], id="reversed"),
        pytest.param(["run", "--start", "yesterday"], id="malformed"),
        pytest.param(["run", "--start", str(TOMORROW)], id="future"),
        pytest.param(["run", "--end", str(FIRST_DAY)], id="without a start"),
        pytest.param(["run", "--start", str(FIRST_DAY), "--offset", "1"], id="contradictory"),
        pytest.param(["run", "--start", str(BEFORE_FIRST)], id="before the first"),
        pytest.param(["run", "--source", "nobody"], id="unknown source"),
        pytest.param(["backfill", "--start", str(days(3)[2]), "--end", str(FIRST_DAY), "--chunk", "2"], id="backfill"),
        pytest.param(["backfill", "--start", str(FIRST_DAY), "--end", str(days(3)[2]), "--chunk", "0"], id="no chunk"),
    ],
)
def test_our_command_refuses(platform: Platform, home: Path, arguments: list[str]):
    assert home.exists()
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code != 0
    assert "Traceback" not in done.output
    with dg.DagsterInstance.get() as instance:
        assert_nothing_happened(platform, instance)
