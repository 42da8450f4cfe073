"""Replacing one partition of a PostgreSQL table, against COPY FROM of a ready file into the same table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from benchmarks.bench import WAREHOUSE, Bench
from benchmarks.measure import Clock, Comparison, Side, call
from benchmarks.sale_lines import COLUMNS, DAY, SCHEMA, TABLE, rows

OURS = "replace by the Postgres IO manager"
REFERENCE = "DELETE and COPY FROM, binary file"
_OTHER_DAYS = 19
_IN_DAY = f"updated_at >= '{DAY} 00:00+00' AND updated_at < '{DAY} 00:00+00'::timestamptz + interval '1 day'"


def comparison(bench: Bench, count: int, *, naive: bool) -> Comparison:
    """Make the table, with other days in it, and the files, and say what is compared."""
    others = min(count, 50_000)
    start = dt.date.fromisoformat(DAY)
    bench.execute(
        WAREHOUSE,
        *SCHEMA,
        # Dead rows are cleared between runs, the same for all sides, and not at moments of the server's choice.
        f"CREATE TABLE {TABLE} ({COLUMNS}) WITH (autovacuum_enabled = off)",
        *(
            f"INSERT INTO {TABLE} {rows(n * 10_000_000, others, (start - dt.timedelta(days=n)).isoformat())}"
            for n in range(1, _OTHER_DAYS + 1)
        ),
        f"INSERT INTO {TABLE} {rows(1, count, DAY)}",
        f"CREATE INDEX ON {TABLE} (updated_at)",
    )
    copy_file, arrow_file = bench.folder / f"lines_{count}.copy", bench.folder / f"lines_{count}.arrow"
    given = {"database": bench.database(WAREHOUSE), "arrow_file": str(arrow_file), "rows": count}
    call("benchmarks.load:make_files", {**given, "copy_file": str(copy_file), "where": _IN_DAY}, bench.environment)

    def settle() -> Mapping[str, Any]:
        bench.execute(WAREHOUSE, f"VACUUM (ANALYZE) {TABLE}", "CHECKPOINT")
        return {}

    sides = [
        Side(
            REFERENCE,
            bench.psql(
                WAREHOUSE,
                f"DELETE FROM {TABLE} WHERE {_IN_DAY}",  # noqa: S608 constants of this package
                f"\\copy {TABLE} from '{copy_file}' with (format binary)",
            ),
            environment=bench.psql_environment(),
            before=settle,
            rows=count,
        ),
        Side(OURS, "benchmarks.load:replace", given, bench.environment, before=settle),
    ]
    if naive:
        sides.append(Side("naive: DELETE, to_sql", "benchmarks.load:naive", given, bench.environment, before=settle))
    return Comparison(f"replace of {count:,} lines", sides, {OURS: 0.75})


def make_files(given: Mapping[str, Any], clock: Clock) -> int:  # noqa: ARG001 called like the others
    """Write the day's rows as PostgreSQL's binary COPY and as an uncompressed Arrow stream: ready for either side."""
    from pathlib import Path

    import pyarrow as pa

    from retail_medallion.storage.postgres.copy_out import open_query
    from retail_medallion.storage.postgres.session import ConnectionSettings, connection_to

    query = f"SELECT * FROM {TABLE} WHERE {given['where']} ORDER BY id"  # noqa: S608 a constant
    with connection_to(ConnectionSettings(**given["database"])) as connection:
        with Path(given["copy_file"]).open("wb") as file, connection.cursor() as cursor:
            cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", file)
        with (
            open_query(connection, query) as reader,
            pa.OSFile(given["arrow_file"], "wb") as sink,
            pa.ipc.new_stream(sink, reader.schema) as writer,
        ):
            for batch in reader:
                writer.write_batch(batch)
    return 0


def replace(given: Mapping[str, Any], clock: Clock) -> int:
    """What the IO manager does with a stream for one partition: lock, check, delete, COPY, commit."""
    import pyarrow as pa

    from retail_medallion.storage.dagster_partitions import Window
    from retail_medallion.storage.postgres.catalogue import TableName
    from retail_medallion.storage.postgres.session import ConnectionSettings
    from retail_medallion.storage.postgres.store import TableStore
    from retail_medallion.storage.postgres.target import Extent, TableTarget

    start = dt.datetime.combine(dt.date.fromisoformat(DAY), dt.time(), dt.UTC)
    target = TableTarget(TableName.parse(TABLE), "updated_at")
    extent = Extent([DAY], {DAY: Window(start, start + dt.timedelta(days=1))})

    def stream() -> pa.RecordBatchReader:
        return pa.ipc.open_stream(pa.OSFile(given["arrow_file"], "rb"))

    with clock.running():
        store = TableStore(ConnectionSettings(**given["database"]))
        stored = store.replace(target, extent, stream, repeatable=True)
    return sum(stored.rows.values())


def naive(given: Mapping[str, Any], clock: Clock) -> int:
    """What one writes first: a DataFrame, a DELETE, to_sql."""
    import pandas as pd
    import pyarrow as pa
    import sqlalchemy as sa

    with pa.OSFile(given["arrow_file"], "rb") as file:
        frame: pd.DataFrame = pa.ipc.open_stream(file).read_all().to_pandas()
    database = given["database"]
    url = sa.URL.create(
        "postgresql+psycopg2",
        username=database["user"],
        **{name: database[name] for name in ("host", "port", "database", "password")},
    )
    status = sa.Enum("ok", "returned", "void", name="line_status", schema="bench")
    with clock.running(), sa.create_engine(url).begin() as connection:
        connection.execute(sa.text(f"DELETE FROM {TABLE} WHERE {_IN_DAY}"))  # noqa: S608 constants
        frame.to_sql(
            "sale_lines",
            connection,
            schema="bench",
            if_exists="append",
            index=False,
            dtype={"attrs": sa.dialects.postgresql.JSONB, "status": status},
        )
    return len(frame)
