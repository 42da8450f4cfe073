from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg2
import pytest

from retail_medallion.demo.generator import create_demo_database
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.servers import FreshDatabase
from retail_medallion_tests.shared import database_once

SMALL = 0.05


@pytest.fixture(scope="session")
def demo_database(postgres_server: EmbeddedPostgres) -> FreshDatabase:
    """A small demo database; tests share it and only read."""

    def fill(database: FreshDatabase) -> None:
        with contextlib.closing(database.connect()) as connection:
            create_demo_database(connection, scale=SMALL)

    return database_once(postgres_server, "small_demo", fill)


@pytest.fixture
def demo(demo_database: FreshDatabase) -> Iterator[psycopg2.extensions.connection]:
    connection = demo_database.connect()
    yield connection
    connection.close()
