"""Platforms of tests that run whole assets."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.model import load_model
from retail_medallion.orchestration.resources import Warehouse
from retail_medallion_tests.platform import NewPlatform, Platform, copy_objects, days, fill_demo_database, platform_on
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

    def make() -> dict[str, str]:
        bucket = f"shared-{uuid.uuid4().hex[:16]}"
        s3_server.client().create_bucket(Bucket=bucket)
        platform = new_platform()
        platform.materialise(days(3))
        copy_objects(s3_server, platform.bucket, bucket)
        events = session_home() / "shared" / "events"
        write_down(platform.instance, events)
        return {"database": kept(postgres_server, platform), "bucket": bucket, "events": str(events)}

    made = once("loaded", make)
    home: Path = tmp_path_factory.mktemp("loaded")
    with platform_on(postgres_server, s3_server, demo_database, home, template=made["database"]) as platform:
        copy_objects(s3_server, made["bucket"], platform.bucket)
        read_into(platform.instance, Path(made["events"]))
        yield platform
