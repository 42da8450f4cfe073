"""Platforms of tests that run whole assets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.model import load_model
from retail_medallion.orchestration.resources import Warehouse
from retail_medallion_tests.platform import NewPlatform, Platform, days, demo_database_on, platform_on
from retail_medallion_tests.servers import FreshDatabase

LAST_DAY = days(3)[-1]


@pytest.fixture(scope="session")
def demo_database(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    """A tiny demo retailer whose last day is the third partition; tests share it and only read."""
    with demo_database_on(postgres_server, last_day=LAST_DAY) as database:
        yield database


@pytest.fixture(scope="session")
def tables(
    postgres_server: EmbeddedPostgres,
    s3_server: EmbeddedS3,
    demo_database: FreshDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Name of a warehouse with all its tables, to copy: making them takes seconds."""
    home: Path = tmp_path_factory.mktemp("tables")
    with platform_on(postgres_server, s3_server, demo_database, home) as platform:
        with platform.active():
            warehouse = Warehouse(load_model(), platform.mappings)
            warehouse.prepare()
            # A database somebody is connected to cannot be copied.
            warehouse.engine().dispose()
        yield platform.warehouse.name


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
def loaded(new_platform: NewPlatform) -> Platform:
    """A platform that took all three days as one range; tests share it and leave it as it is."""
    platform = new_platform()
    platform.materialise(days(3))
    return platform
