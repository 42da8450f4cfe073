"""Platforms of tests that run whole assets."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion_tests.platform import NewPlatform, demo_database_on, platform_on
from retail_medallion_tests.servers import FreshDatabase

LAST_DAY = dt.date(2026, 6, 20)


@pytest.fixture(scope="module")
def demo_database(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    """A tiny demo retailer whose last day is the fourth partition; tests of a module share it and only read."""
    with demo_database_on(postgres_server, last_day=LAST_DAY) as database:
        yield database


@pytest.fixture(scope="module")
def new_platform_for(
    postgres_server: EmbeddedPostgres, s3_server: EmbeddedS3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., NewPlatform]]:
    """Makes empty platforms that read a database; they live as long as the module's tests."""
    with contextlib.ExitStack() as stack:

        def of(database: FreshDatabase, **settings: str) -> NewPlatform:
            def make():
                home: Path = tmp_path_factory.mktemp("platform")
                return stack.enter_context(platform_on(postgres_server, s3_server, database, home, **settings))

            return make

        yield of


@pytest.fixture(scope="module")
def new_platform(new_platform_for: Callable[..., NewPlatform], demo_database: FreshDatabase) -> NewPlatform:
    """Makes empty platforms that read the module's demo retailer."""
    return new_platform_for(demo_database)
