"""Extraction of one day from PostgreSQL, against PostgreSQL's own COPY of the same query to nowhere."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Mapping
from typing import Any

from benchmarks.bench import SOURCE, Bench
from benchmarks.measure import Clock, Comparison, Side, call
from benchmarks.sale_lines import COLUMNS, DAY, FIRST_DAY, SCHEMA, TABLE, rows

OURS = "extract to S3"
REFERENCE = "COPY binary to nowhere"


def comparison(bench: Bench, count: int, *, naive: bool) -> Comparison:
    """Make the source and say what is compared."""
    bench.execute(
        SOURCE,
        *SCHEMA,
        f"CREATE TABLE {TABLE} ({COLUMNS})",
        f"INSERT INTO {TABLE} {rows(1, count, DAY)}",
        f"CREATE INDEX ON {TABLE} (updated_at)",
    )
    bench.execute(SOURCE, f"VACUUM (ANALYZE, FREEZE) {TABLE}", "CHECKPOINT")
    given = {"database": bench.database(SOURCE), "bucket": bench.environment["S3_BUCKET_NAME"]}
    query_file = bench.folder / "extract.sql"
    call("benchmarks.extraction:write_query", {**given, "file": str(query_file)}, bench.environment)
    query = query_file.read_text()
    numbers = itertools.count()

    def fresh_key() -> Mapping[str, Any]:
        return {"prefix": f"bench/extraction/{next(numbers)}"}

    def side(label: str, function: str, **more: Any) -> Side:
        work = f"benchmarks.extraction:{function}"
        return Side(label, work, {**given, "query": query}, bench.environment, before=fresh_key, **more)

    sides = [
        Side(
            REFERENCE,
            bench.psql(SOURCE, f"COPY ({query}) TO STDOUT (FORMAT binary)"),
            environment=bench.psql_environment(),
            rows=count,
        ),
        Side(
            "COPY csv to nowhere",
            bench.psql(SOURCE, f"COPY ({query}) TO STDOUT (FORMAT csv)"),
            environment=bench.psql_environment(),
            rows=count,
        ),
        side("extract to Arrow only", "to_arrow"),
        side("extract to a local file", "to_file"),
        side(OURS, "to_s3"),
    ]
    if naive:
        sides.append(side("naive: read_sql, to_parquet, boto3", "naive"))
    return Comparison(f"extraction of {count:,} lines", sides, {OURS: 0.7})


def _plan(given: Mapping[str, Any]) -> Any:
    from retail_medallion.bronze.block import ExtractBlock, Mode
    from retail_medallion.bronze.query import plan_extract
    from retail_medallion.storage.postgres.session import ConnectionSettings, connection_to

    block = ExtractBlock(name="lines", mode=Mode.CHANGED, key=("id",), table=TABLE, watermark="updated_at")
    with connection_to(ConnectionSettings(**given["database"])) as connection:
        return plan_extract(connection, block)


def write_query(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Write down the query that the extract runs, for the sides that are not ours."""
    from pathlib import Path

    from retail_medallion.bronze.windows import window_of
    from retail_medallion.storage.postgres.session import ConnectionSettings, connection_to

    window = window_of(dt.date.fromisoformat(DAY), dt.date.fromisoformat(FIRST_DAY))
    with connection_to(ConnectionSettings(**given["database"])) as connection:
        text = _plan(given).select(window).as_string(connection)
    Path(given["file"]).write_text(" ".join(text.split()))
    return 0


def to_arrow(given: Mapping[str, Any], clock: Clock) -> int:
    """Stream the query into Arrow batches and drop them."""
    from retail_medallion.storage.postgres.copy_out import open_query
    from retail_medallion.storage.postgres.session import ConnectionSettings, connection_to

    count = 0
    with (
        clock.running(),
        connection_to(ConnectionSettings(**given["database"])) as connection,
        open_query(connection, given["query"]) as reader,
    ):
        for batch in reader:
            count += batch.num_rows
    return count


def to_file(given: Mapping[str, Any], clock: Clock) -> int:
    """Stream the query into a checked local Parquet file: without what the source counts itself, without S3."""
    import pandas as pd  # noqa: F401 pyarrow imports it when it first makes a numpy array

    from retail_medallion.storage.parquet_file import workspace, write_file
    from retail_medallion.storage.postgres.copy_out import open_query
    from retail_medallion.storage.postgres.session import ConnectionSettings, connection_to

    with (
        clock.running(),
        connection_to(ConnectionSettings(**given["database"])) as connection,
        open_query(connection, given["query"]) as reader,
        workspace() as folder,
    ):
        return write_file(reader, folder / "rows.parquet", metadata={}).rows


def to_s3(given: Mapping[str, Any], clock: Clock) -> int:
    """The real path: one exported snapshot, the source's own count, the extract, a verified object on S3."""
    import logging

    import boto3

    from retail_medallion.bronze.block import ExtractBlock, Mode
    from retail_medallion.bronze.extract import extract
    from retail_medallion.bronze.snapshot import SourceSnapshot
    from retail_medallion.storage.parquet_store import ParquetStore
    from retail_medallion.storage.postgres.session import ConnectionSettings, connect

    settings = ConnectionSettings(**given["database"])
    block = ExtractBlock(name="lines", mode=Mode.CHANGED, key=("id",), table=TABLE, watermark="updated_at")
    count = 0
    # One client serves all extracts of a run.
    store = ParquetStore(boto3.client("s3"), given["bucket"])

    def key_of(day: dt.date) -> str:
        return f"{given['prefix']}/insertion_date={day}/lines.parquet"

    with clock.running(), SourceSnapshot(lambda: connect(settings)) as snapshot:
        for part in extract(
            snapshot,
            store,
            block,
            key_of=key_of,
            days=[dt.date.fromisoformat(DAY)],
            first_day=dt.date.fromisoformat(FIRST_DAY),
            metadata={},
            log=logging.getLogger(__name__),
        ):
            key = key_of(dt.date.fromisoformat(DAY))
            count += store.write(key, part.reader(), metadata=part.metadata, replaces=part.replaces).rows
    return count


def naive(given: Mapping[str, Any], clock: Clock) -> int:
    """What one writes first: everything into a DataFrame, a file, an upload."""
    import boto3
    import pandas as pd
    import sqlalchemy as sa

    arguments = {**given["database"]}
    url = sa.URL.create(
        "postgresql+psycopg2",
        username=arguments.pop("user"),
        **{name: arguments[name] for name in ("host", "port", "database", "password")},
    )
    with clock.running():
        frame = pd.read_sql(sa.text(given["query"]), sa.create_engine(url))
        frame["attrs"] = [None if value is None else json.dumps(value) for value in frame["attrs"]]
        path = given["prefix"].replace("/", "_") + ".parquet"
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / path
            frame.to_parquet(file)
            boto3.client("s3").upload_file(str(file), given["bucket"], given["prefix"] + ".parquet")
    return len(frame)
