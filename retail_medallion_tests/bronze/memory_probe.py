"""Extracts a day, changes a row, extracts again, and prints the peak memory of the process and of Arrow in KiB.

Again is the same day, and in mode compared the next one.

Run as a process of its own by `test_memory`, because a peak cannot be taken back.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from datetime import date, timedelta

import boto3
import psycopg2
import pyarrow as pa

from retail_medallion.bronze.block import ExtractBlock, Mode
from retail_medallion.bronze.extract import extract
from retail_medallion.bronze.snapshot import SourceSnapshot
from retail_medallion.storage import parquet_file
from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion.storage.postgres import copy_out

DAY = date(2025, 3, 2)


def main() -> None:
    given = json.loads(sys.argv[1])
    # Small buffers are full with few rows already; what grows after that grows with the rows.
    copy_out.BLOCK_BYTES = 1 << 19
    parquet_file._ROW_GROUP_BYTES = 1 << 20
    parquet_file._READ_BATCH_ROWS = 2048
    client = boto3.client("s3", **given["client"])
    store = ParquetStore(client, given["bucket"])
    compared = given.get("mode") == Mode.COMPARED.value
    watermark = None if compared else "updated_at"
    mode = Mode.COMPARED if compared else Mode.CHANGED
    block = ExtractBlock(name="big", mode=mode, key=("id",), table=given["table"], watermark=watermark)
    told = {}
    for step, day in (("fresh", DAY), ("merged", DAY + timedelta(days=1) if compared else DAY)):
        began = time.monotonic()
        with SourceSnapshot(lambda: psycopg2.connect(given["dsn"])) as snapshot:
            [part] = extract(
                snapshot,
                store,
                block,
                key_of=lambda when: f"{given['table']}/{when}/big.parquet",
                days=[day],
                first_day=date(2025, 3, 1),
                metadata={},
                log=logging.getLogger("probe"),
            )
            info = store.write(
                f"{given['table']}/{day}/big.parquet", part.reader(), metadata=part.metadata, replaces=part.replaces
            )
        told[step] = {
            "rows": info.rows,
            "digest": info.digest,
            "seconds": time.monotonic() - began,
            "arrow": pa.default_memory_pool().max_memory() // 1024,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        with psycopg2.connect(given["dsn"]) as connection, connection.cursor() as cursor:
            cursor.execute(given["change"])
    print(json.dumps(told))


if __name__ == "__main__":
    main()
