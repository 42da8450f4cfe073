"""The page on the S3 Parquet IO manager shows a project that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from retail_medallion.storage.parquet_store import ParquetStore

PAGE = Path(__file__).parents[2] / "docs" / "s3_parquet_io_manager.md"

RUN = """
import dagster as dg
import pyarrow as pa
from weather import defs

with dg.DagsterInstance.ephemeral() as instance:
    job = defs.resolve_implicit_global_asset_job_def()
    days = {"dagster/asset_partition_range_start": "2025-06-01", "dagster/asset_partition_range_end": "2025-06-03"}
    for keys, tags in ((["measurements", "warm", "warmest"], days), (["summary"], {})):
        selection = [dg.AssetKey(key) for key in keys]
        assert job.execute_in_process(instance=instance, asset_selection=selection, tags=tags).success
    warm = defs.load_asset_value("warm", partition_key="2025-06-02", instance=instance, python_type=pa.Table)
    assert warm.num_rows == 6, warm.num_rows
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "weather.py").write_text(code)
    (tmp_path / "run.py").write_text(RUN)
    return tmp_path


def test_the_project_on_the_page_runs_as_it_stands(project: Path, s3_server: Any, s3_client: Any, fresh_bucket: str):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(PAGE.parents[1]), str(project)]),
        "AWS_ENDPOINT_URL": s3_server.endpoint_url,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
        "AWS_REGION": s3_server.region,
        "WEATHER_BUCKET": fresh_bucket,
    }
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    store = ParquetStore(s3_client, fresh_bucket)
    days = ("2025-06-01", "2025-06-02", "2025-06-03")
    assert list(store.list_keys("")) == [
        *(f"weather/measurements/insertion_date={day}/data.parquet" for day in days),
        "weather/summary/data.parquet",
        *(f"weather/warm/insertion_date={day}/data.parquet" for day in days),
        *(f"weather/warmest/insertion_date={day}/data.parquet" for day in days),
    ]
    summary = store.stat("weather/summary/data.parquet")
    assert summary is not None
    with store.open(summary) as opened:
        assert opened.reader().read_all().to_pydict() == {"day": list(days), "rows": [48, 48, 48]}
