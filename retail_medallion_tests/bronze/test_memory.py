from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from retail_medallion_tests.bronze.harness import execute
from retail_medallion_tests.servers import FreshDatabase

ROWS = 60_000
# The ten times larger table alone has some 130 MiB more.
ALLOWED_GROWTH_KIB = 25 * 1024


def peak_of(rows: int, database: FreshDatabase, s3_server: Any, bucket: str, mode: str = "changed") -> dict[str, Any]:
    table = f"big_{rows}"
    execute(
        database,
        f"CREATE TABLE {table} AS SELECT g AS id, md5(g::text) || md5((-g)::text) AS label,"  # noqa: S608
        " g::numeric(12,2) AS price, '2025-03-02'::timestamptz AS updated_at,"
        f" jsonb_build_object('line', g, 'text', md5(g::text)) AS doc FROM generate_series(1, {rows}) AS g",
    )
    execute(database, f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
    given = {
        "table": table,
        "mode": mode,
        "dsn": database.dsn,
        "bucket": bucket,
        "client": {
            "endpoint_url": s3_server.endpoint_url,
            "aws_access_key_id": s3_server.access_key,
            "aws_secret_access_key": s3_server.secret_key,
            "region_name": s3_server.region,
        },
        "change": f"UPDATE {table} SET label = 'changed' WHERE id = {rows // 2}",  # noqa: S608
    }
    done = subprocess.run(
        [sys.executable, "-m", "retail_medallion_tests.bronze.memory_probe", json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert (told["fresh"]["rows"], told["merged"]["rows"]) == (rows, 1 if mode == "compared" else rows)
    assert told["fresh"]["digest"] != told["merged"]["digest"]
    return told


def test_memory_does_not_grow_with_the_rows_of_a_day(fresh_database, s3_server, fresh_bucket) -> None:
    small = peak_of(ROWS, fresh_database, s3_server, fresh_bucket)
    large = peak_of(10 * ROWS, fresh_database, s3_server, fresh_bucket)
    print(json.dumps([small, large]))
    for step in ("fresh", "merged"):
        assert large[step]["peak"] - small[step]["peak"] < ALLOWED_GROWTH_KIB


def test_memory_does_not_grow_with_the_rows_of_a_compared_table(fresh_database, s3_server, fresh_bucket) -> None:
    small = peak_of(ROWS, fresh_database, s3_server, fresh_bucket, "compared")
    large = peak_of(10 * ROWS, fresh_database, s3_server, fresh_bucket, "compared")
    print(json.dumps([small, large]))
    for step in ("fresh", "merged"):
        assert large[step]["peak"] - small[step]["peak"] < ALLOWED_GROWTH_KIB
