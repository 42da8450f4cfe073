from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest

from retail_medallion.demo.generator import create_demo_database
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on

SMALL = 0.05


@pytest.fixture(scope="module")
def demo_database(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    """A small demo database; tests of a module share it and only read."""
    with fresh_database_on(postgres_server) as database:
        connection = database.connect()
        create_demo_database(connection, scale=SMALL)
        connection.close()
        yield database


@pytest.fixture
def demo(demo_database: FreshDatabase) -> Iterator[psycopg2.extensions.connection]:
    connection = demo_database.connect()
    yield connection
    connection.close()
