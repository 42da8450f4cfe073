"""A whole platform for one test: warehouse, source database, bucket, and the variables that name them."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
from psycopg2 import sql

from retail_medallion import config
from retail_medallion.definitions import build_definitions
from retail_medallion.demo.generator import create_demo_database
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.mapping import Mapping, load_mappings
from retail_medallion.orchestration import keys, launch
from retail_medallion.orchestration.io_managers import bronze_store
from retail_medallion.reconciliation import Reconciliation, reconcile
from retail_medallion.storage.postgres.session import engine
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on

SOURCE = "demo"
FIRST_DAY = dt.date(2026, 6, 17)
"""The first partition of the demo source; it takes what came before."""

SCHEMAS = ("silver", "silver_versions", "silver_quarantine", "gold")
BOOKS = ("silver_meta.partition_state", "silver_meta.scope_seen")
WALL_CLOCK = frozenset({"ingested_at"})

_FOREIGN = ("RETAIL_", "WAREHOUSE_DB_", "DEMO_", "NORTHWIND_DB_", "DB_", "DAGSTER_", "AWS_", "S3_")
_RANGE_SETTINGS = ("START_DATE", "END_DATE", "DAY_OFFSET")


def days(count: int, *, first: dt.date = FIRST_DAY) -> list[dt.date]:
    """That many consecutive days."""
    return [first + dt.timedelta(days=n) for n in range(count)]


def fill_demo_database(database: FreshDatabase, *, last_day: dt.date, scale: float = 0.01, history: int = 20) -> None:
    """Make a demo retailer, a tiny one: so many days of history up to and including the last one."""
    with contextlib.closing(database.connect()) as connection:
        create_demo_database(connection, scale=scale, days=history, end=last_day)


@contextlib.contextmanager
def demo_database_on(server: EmbeddedPostgres, *, last_day: dt.date, scale: float = 0.01) -> Iterator[FreshDatabase]:
    """A tiny demo retailer in a database of its own."""
    with fresh_database_on(server, prefix="demo") as database:
        fill_demo_database(database, last_day=last_day, scale=scale)
        yield database


@contextlib.contextmanager
def bucket_on(s3: EmbeddedS3) -> Iterator[str]:
    """A new bucket, emptied and removed afterwards."""
    client, name = s3.client(), f"test-{uuid.uuid4().hex[:16]}"
    client.create_bucket(Bucket=name)
    try:
        yield name
    finally:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for entry in page.get("Contents", []):
                client.delete_object(Bucket=name, Key=entry["Key"])
        client.delete_bucket(Bucket=name)


@dataclass(frozen=True)
class Platform:
    """One warehouse and one bucket, fed by one source.

    Attributes:
        variables: The environment of everything that runs on it.
        warehouse: Database of Silver and Gold.
        bucket: Bucket of Bronze.
        s3: The server the bucket is on.
        source: Code of the source.
    """

    variables: dict[str, str]
    warehouse: FreshDatabase
    bucket: str
    s3: EmbeddedS3
    source: str = SOURCE
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Have this process use the platform."""
        with mock.patch.dict(os.environ, self.variables):
            for name in self._unwanted():
                os.environ.pop(name, None)
            yield

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process of its own that uses the platform."""
        kept = {name: value for name, value in os.environ.items() if name not in self._unwanted()}
        return {**kept, **self.variables, **more}

    def _unwanted(self) -> list[str]:
        foreign = [n for n in os.environ if n.startswith(_FOREIGN) and n != "RETAIL_TESTS_HOME"]
        return [name for name in (*foreign, *_RANGE_SETTINGS) if name not in self.variables]

    @cached_property
    def mappings(self) -> dict[str, Mapping]:
        """The mapping of the source."""
        return load_mappings(only=[self.source])

    @cached_property
    def definitions(self) -> dg.Definitions:
        """The code location."""
        with self.active():
            return build_definitions(self.mappings)

    def materialise(self, wanted: Sequence[dt.date]) -> launch.FinishedRun:
        """Run all layers for consecutive days as one run."""
        with self.active():
            return launch.materialise(self.definitions, self.source, wanted, instance=self.instance)

    def materialise_layers(self, layers: Collection[str], wanted: Sequence[dt.date]) -> None:
        """Run only some layers for consecutive days as one run."""
        job = self.definitions.resolve_job_def(keys.daily_job(self.source))
        tags = {
            "dagster/asset_partition_range_start": str(wanted[0]),
            "dagster/asset_partition_range_end": str(wanted[-1]),
        }
        with self.active():
            result = job.execute_in_process(
                instance=self.instance,
                asset_selection=[key for key in self.asset_keys() if key.path[1] in layers],
                partition_key=str(wanted[0]) if len(wanted) == 1 else None,
                tags=tags if len(wanted) > 1 else {},
                run_config=QUIET,
            )
        assert result.success

    def asset_keys(self) -> list[dg.AssetKey]:
        """Keys of the assets of the source."""
        specs = self.definitions.resolve_all_asset_specs()
        return [spec.key for spec in specs if spec.key.path[0] == self.source]

    def reconcile(self) -> Reconciliation:
        """Compare the layers."""
        with self.active(), engine(config.warehouse_database()).connect() as connection:
            return reconcile(connection, bronze_store(), self.source)

    def ask(self, query: str | sql.Composable, *values: object) -> list[tuple[Any, ...]]:
        """All rows of the answer of the warehouse."""
        return ask(self.warehouse, query, *values)

    def execute(self, statement: str, *values: object) -> int:
        """Change the warehouse behind the platform's back; the number of rows it touched."""
        with contextlib.closing(self.warehouse.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.rowcount

    def digests(self, *, without: Collection[str] = ()) -> dict[str, str]:
        """A digest of every table; see `digests`."""
        return digests(self.warehouse, without=without)

    def objects(self) -> dict[str, str]:
        """ETag of every Bronze object, by its key."""
        pages = self.s3.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}


QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def ask(database: FreshDatabase, query: str | sql.Composable, *values: object) -> list[tuple[Any, ...]]:
    """All rows of the answer."""
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall()


def digests(database: FreshDatabase, *, without: Collection[str] = ()) -> dict[str, str]:
    """Number of rows and sum of their hashes, of every table that holds data.

    Columns of wall-clock time do not count. A table that holds several entities is digested entity by entity.

    Args:
        database: The warehouse.
        without: Further columns that do not count.
    """
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute(
            "SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND (n.nspname = ANY(%s) OR n.nspname || '.' || c.relname = ANY(%s)) GROUP BY 1, 2 ORDER BY 1, 2",
            (list(SCHEMAS), list(BOOKS)),
        )
        found: dict[str, str] = {}
        for schema, table, columns in cursor.fetchall():
            expressions = [
                # The raw row in quarantine carries the time of its extract.
                sql.SQL("{} - '_extracted_at'").format(sql.Identifier(column))
                if (schema, column) == ("silver_quarantine", "raw")
                else sql.Identifier(column)
                for column in columns
                if column not in WALL_CLOCK and column not in without
            ]
            by_entity = sql.Identifier("entity") if "entity" in columns else sql.SQL("''")
            cursor.execute(
                sql.SQL(
                    "SELECT {}, count(*),"
                    " sum(('x' || left(md5(ROW({})::text), 15))::bit(60)::bigint) FROM {} GROUP BY 1"
                ).format(by_entity, sql.SQL(", ").join(expressions), sql.Identifier(schema, table))
            )
            name = f"{schema}.{table}"
            rows = cursor.fetchall() or [("", 0, 0)]
            found |= {f"{name}[{entity}]" if entity else name: f"{n} {total}" for entity, n, total in rows}
    return found


@contextlib.contextmanager
def process_environment(platform: Platform, server: EmbeddedPostgres) -> Iterator[dict[str, str]]:
    """The environment of processes on the platform that write their runs down in PostgreSQL, as in a deployment."""
    with fresh_database_on(server, prefix="dagster") as storage:
        yield platform.environment(
            DAGSTER_HOME=str(dagster_home(Path(platform.variables["RETAIL_HOME"]) / "dagster")),
            DAGSTER_PG_HOST=server.host,
            DAGSTER_PG_PORT=str(server.port),
            DAGSTER_PG_USER=server.user,
            DAGSTER_PG_PASSWORD=server.password,
            DAGSTER_PG_DB=storage.name,
        )


def dagster_home(folder: Path) -> Path:
    """A home of Dagster with the settings the embedded servers come with."""
    folder.mkdir(parents=True, exist_ok=True)
    template = resources.files("retail_medallion.embedded").joinpath("dagster.yaml").read_text()
    (folder / "dagster.yaml").write_text(template)
    return folder


@contextlib.contextmanager
def platform_on(
    server: EmbeddedPostgres,
    s3: EmbeddedS3,
    database: FreshDatabase,
    home: Path,
    *,
    source: str = SOURCE,
    template: str = "template1",
) -> Iterator[Platform]:
    """An empty platform that reads one source.

    Args:
        server: Server of the warehouse and of Dagster's storage.
        s3: Server of the bucket.
        database: The source's database.
        home: Folder for what a process on the platform writes to disk.
        source: Code of the source.
        template: Database that the warehouse begins as a copy of.
    """
    with fresh_database_on(server, prefix="warehouse", template=template) as warehouse, bucket_on(s3) as bucket:
        server_variables = {"HOST": server.host, "PORT": str(server.port), "USER": server.user}
        variables = {
            f"{prefix}_DB_{name}": value
            for name, value in server_variables.items()
            for prefix in ("WAREHOUSE", source.upper())
        }
        variables |= {
            "WAREHOUSE_DB_NAME": warehouse.name,
            "WAREHOUSE_DB_PASSWORD": server.password,
            f"{source.upper()}_DB_NAME": database.name,
            f"{source.upper()}_DB_PASSWORD": server.password,
            "AWS_ENDPOINT_URL": s3.endpoint_url,
            "AWS_ACCESS_KEY_ID": s3.access_key,
            "AWS_SECRET_ACCESS_KEY": s3.secret_key,
            "AWS_REGION": s3.region,
            "AWS_DEFAULT_REGION": s3.region,
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            "S3_BUCKET_NAME": bucket,
            "S3_PREFIX": "retail",
            "RETAIL_SOURCES": source,
            "RETAIL_HOME": str(home),
            "RETAIL_EMBEDDED": "0",
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        platform = Platform(variables, warehouse, bucket, s3, source)
        try:
            yield platform
        finally:
            platform.instance.dispose()


@contextlib.contextmanager
def copied(platform: Platform, server: EmbeddedPostgres) -> Iterator[Platform]:
    """The platform with a copy of its warehouse, to spoil."""
    with fresh_database_on(server, prefix="warehouse", template=platform.warehouse.name) as warehouse:
        variables = {**platform.variables, "WAREHOUSE_DB_NAME": warehouse.name}
        yield replace(platform, warehouse=warehouse, variables=variables)


def copy_objects(s3: EmbeddedS3, source: str, target: str) -> None:
    """Copy all objects of a bucket into another one."""
    client = s3.client()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=source):
        for entry in page.get("Contents", []):
            client.copy_object(Bucket=target, Key=entry["Key"], CopySource={"Bucket": source, "Key": entry["Key"]})


NewPlatform = Callable[[], Platform]
