"""Platforms of tests that run whole assets."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_medallion.embedded.dumps import restore_dump
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.model import load_model
from retail_medallion.orchestration.resources import Warehouse
from retail_medallion_tests.platform import (
    FIRST_DAY,
    NewPlatform,
    Platform,
    copy_objects,
    days,
    fill_demo_database,
    platform_on,
)
from retail_medallion_tests.servers import FreshDatabase, create_database, session_home
from retail_medallion_tests.shared import database_once, once, read_into, write_down

LAST_DAY = days(3)[-1]


@pytest.fixture(scope="session")
def demo_database(postgres_server: EmbeddedPostgres) -> FreshDatabase:
    """A tiny demo retailer whose last day is the third partition; tests share it and only read."""
    return database_once(postgres_server, "demo", lambda database: fill_demo_database(database, last_day=LAST_DAY))


@pytest.fixture(scope="session")
def tables(
    postgres_server: EmbeddedPostgres,
    s3_server: EmbeddedS3,
    demo_database: FreshDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """Name of a warehouse with all its tables, to copy: making them takes seconds."""

    def make() -> dict[str, str]:
        home: Path = tmp_path_factory.mktemp("tables")
        with platform_on(postgres_server, s3_server, demo_database, home) as platform:
            with platform.active():
                warehouse = Warehouse(load_model(), platform.mappings)
                warehouse.prepare()
                # A database somebody is connected to cannot be copied.
                warehouse.engine().dispose()
            return {"database": kept(postgres_server, platform)}

    return once("tables", make)["database"]


def kept(server: EmbeddedPostgres, platform: Platform) -> str:
    """Name of a copy of the warehouse of a platform, which lasts until the session ends."""
    return create_database(server, prefix="shared_warehouse", template=platform.warehouse.name).name


@pytest.fixture(scope="session")
def new_platform_for(
    postgres_server: EmbeddedPostgres, s3_server: EmbeddedS3, tables: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., NewPlatform]]:
    """Makes empty platforms that read a database; they live until the end."""
    with contextlib.ExitStack() as stack:

        def of(database: FreshDatabase, **settings: str) -> NewPlatform:
            def make():
                home: Path = tmp_path_factory.mktemp("platform")
                # Northwind's makes its own tables, as does every first run.
                begin = {} if "source" in settings else {"template": tables}
                return stack.enter_context(platform_on(postgres_server, s3_server, database, home, **begin, **settings))

            return make

        yield of


@pytest.fixture(scope="session")
def new_platform(new_platform_for: Callable[..., NewPlatform], demo_database: FreshDatabase) -> NewPlatform:
    """Makes empty platforms that read the shared demo retailer."""
    return new_platform_for(demo_database)


@pytest.fixture(scope="session")
def loaded(
    new_platform: NewPlatform,
    postgres_server: EmbeddedPostgres,
    s3_server: EmbeddedS3,
    demo_database: FreshDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """A platform that took all three days as one range; tests share it and leave it as it is."""

    def load() -> Platform:
        platform = new_platform()
        platform.materialise(days(3))
        return platform

    home: Path = tmp_path_factory.mktemp("loaded")
    with shared_platform("loaded", load, postgres_server, s3_server, demo_database, home) as platform:
        yield platform


@pytest.fixture(scope="session")
def northwind_database(postgres_server: EmbeddedPostgres) -> FreshDatabase:
    """The public Northwind database; tests share it and only read."""
    folder = os.environ.get("RETAIL_REAL_SOURCES", "")
    dump = Path(folder) / "northwind.dump"
    if not folder or not dump.is_file():
        pytest.skip("RETAIL_REAL_SOURCES names no folder with northwind.dump")

    def restore() -> dict[str, str]:
        name = f"shared_northwind_{uuid.uuid4().hex[:16]}"
        restore_dump(postgres_server, dump, name)
        return {"database": name}

    name = once("northwind", restore)["database"]
    return FreshDatabase(name, postgres_server.dsn(name))


@pytest.fixture(scope="session")
def northwind_loaded(
    new_platform_for: Callable[..., NewPlatform],
    postgres_server: EmbeddedPostgres,
    s3_server: EmbeddedS3,
    northwind_database: FreshDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """A platform that took Northwind's first day; tests share it and leave it as it is."""

    def load() -> Platform:
        platform = new_platform_for(northwind_database, source="northwind")()
        platform.materialise([FIRST_DAY])
        return platform

    home: Path = tmp_path_factory.mktemp("northwind_loaded")
    with shared_platform(
        "northwind_loaded", load, postgres_server, s3_server, northwind_database, home, source="northwind"
    ) as platform:
        yield platform


@contextlib.contextmanager
def shared_platform(
    name: str,
    load: Callable[[], Platform],
    server: EmbeddedPostgres,
    s3: EmbeddedS3,
    database: FreshDatabase,
    home: Path,
    **settings: str,
) -> Iterator[Platform]:
    """A copy of a platform that the first of this session's processes to ask for that name has loaded.

    Args:
        name: What it is.
        load: Makes the platform and loads it.
        server: Server of the warehouse.
        s3: Server of the bucket.
        database: What the platform reads.
        home: Folder for what a process on the platform writes to disk.
        **settings: Of `platform_on`.
    """

    def make() -> dict[str, str]:
        bucket = f"shared-{uuid.uuid4().hex[:16]}"
        s3.client().create_bucket(Bucket=bucket)
        platform = load()
        copy_objects(s3, platform.bucket, bucket)
        events = session_home() / "shared" / f"{name}.events"
        write_down(platform.instance, events)
        return {"database": kept(server, platform), "bucket": bucket, "events": str(events)}

    made = once(name, make)
    with platform_on(server, s3, database, home, template=made["database"], **settings) as platform:
        copy_objects(s3, made["bucket"], platform.bucket)
        read_into(platform.instance, Path(made["events"]))
        yield platform
