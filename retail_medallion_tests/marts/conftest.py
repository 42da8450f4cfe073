"""Platforms whose marts are held against what the tables of their sources say."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion_tests.marts.comparison import Books
from retail_medallion_tests.marts.demo_source import demo_retailer
from retail_medallion_tests.marts.northwind_source import northwind_retailer

# What the tests of whole runs share is shared with these, so that nothing is loaded twice.
from retail_medallion_tests.orchestration.conftest import (
    LAST_DAY,
    demo_database,
    loaded,
    new_platform,
    new_platform_for,
    northwind_database,
    northwind_loaded,
    shared_platform,
    tables,
)
from retail_medallion_tests.platform import FIRST_DAY, NewPlatform, Platform, days, fill_demo_database
from retail_medallion_tests.servers import FreshDatabase
from retail_medallion_tests.shared import database_once

__all__ = [
    "demo_database",
    "loaded",
    "new_platform",
    "new_platform_for",
    "northwind_database",
    "northwind_loaded",
    "tables",
]

ONE_DAY = dt.timedelta(days=1)
GROWN_DAYS = days(14)


@pytest.fixture(scope="session")
def demo_books(demo_database: FreshDatabase, loaded: Platform) -> Iterator[Books]:
    """The tiny demo retailer that all tests share."""
    with _of_demo(demo_database, loaded, LAST_DAY) as books:
        yield books


@pytest.fixture(scope="session")
def northwind_books(northwind_database: FreshDatabase, northwind_loaded: Platform) -> Iterator[Books]:
    """Northwind."""
    with (
        contextlib.closing(northwind_database.connect()) as source,
        contextlib.closing(northwind_loaded.warehouse.connect()) as warehouse,
    ):
        yield Books(northwind_retailer(source, first_day=FIRST_DAY, horizon=FIRST_DAY + ONE_DAY), warehouse)


@pytest.fixture(scope="session")
def grown_database(postgres_server: EmbeddedPostgres) -> FreshDatabase:
    """A demo retailer of four months: every fault, products often bought together, goods nobody wants any more."""
    return database_once(
        postgres_server,
        "grown",
        lambda database: fill_demo_database(database, last_day=GROWN_DAYS[-1], scale=0.3, history=120),
    )


@pytest.fixture(scope="session")
def grown_books(
    new_platform_for: Callable[..., NewPlatform],
    postgres_server: EmbeddedPostgres,
    s3_server: EmbeddedS3,
    grown_database: FreshDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Books]:
    """What it makes of two weeks."""

    def load() -> Platform:
        platform = new_platform_for(grown_database)()
        platform.materialise(GROWN_DAYS)
        return platform

    home: Path = tmp_path_factory.mktemp("grown")
    with (
        shared_platform("grown_loaded", load, postgres_server, s3_server, grown_database, home) as platform,
        _of_demo(grown_database, platform, GROWN_DAYS[-1]) as books,
    ):
        yield books


@contextlib.contextmanager
def _of_demo(database: FreshDatabase, platform: Platform, last_day: dt.date) -> Iterator[Books]:
    with (
        contextlib.closing(database.connect()) as source,
        contextlib.closing(platform.warehouse.connect()) as warehouse,
    ):
        yield Books(demo_retailer(source, first_day=FIRST_DAY, horizon=last_day + ONE_DAY), warehouse)
