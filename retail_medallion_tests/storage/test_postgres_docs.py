"""The page on the PostgreSQL IO manager shows a project that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

PAGE = Path(__file__).parents[2] / "docs" / "postgres_io_manager.md"

RUN = """
import dagster as dg
import pyarrow as pa
from weather import defs

with dg.DagsterInstance.ephemeral() as instance:
    job = defs.resolve_implicit_global_asset_job_def()
    days = {"dagster/asset_partition_range_start": "2025-06-01", "dagster/asset_partition_range_end": "2025-06-03"}
    daily = [["weather", name] for name in ("measurements", "warm", "daily", "counts")] + [["north"]]
    for keys, tags in ((daily, days), (daily, days), ([["weather", "stations"]], {})):
        selection = [dg.AssetKey(key) for key in keys]
        assert job.execute_in_process(instance=instance, asset_selection=selection, tags=tags).success
    warm = defs.load_asset_value(
        ["weather", "warm"], partition_key="2025-06-02", instance=instance, python_type=pa.Table
    )
    assert warm.num_rows == 6, warm.num_rows
    assert warm.schema.field("celsius").type == pa.decimal128(5, 2)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "weather.py").write_text(code)
    (tmp_path / "run.py").write_text(RUN)
    return tmp_path


def test_the_project_on_the_page_runs_as_it_stands(project, fresh_database):
    database = parse_dsn(fresh_database.dsn)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(PAGE.parents[1]), str(project)]),
        "WEATHER_DB_HOST": database["host"],
        "WEATHER_DB_PORT": database["port"],
        "WEATHER_DB_NAME": database["dbname"],
        "WEATHER_DB_USER": database["user"],
        "WEATHER_DB_PASSWORD": database.get("password", ""),
    }
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    connection = fresh_database.connect()
    expected = {
        "SELECT count(*), sum(celsius) FROM weather.measurements": (144, 1656),
        "SELECT count(*), min(celsius) FROM weather.warm": (18, 21),
        "SELECT count(*), min(warmest), count(DISTINCT day) FROM weather.daily": (6, 23, 3),
        "SELECT count(*), count(*) FILTER (WHERE station = 'north') FROM weather.by_station": (9, 9),
        "SELECT count(*), sum(rows) FROM weather.counts": (3, 6),
        "SELECT count(*), min(station) FROM weather.stations": (2, "north"),
    }
    with connection.cursor() as cursor:
        for query, row in expected.items():
            cursor.execute(query)
            assert cursor.fetchone() == row, query
    connection.close()
