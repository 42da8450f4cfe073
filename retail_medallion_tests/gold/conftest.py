from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion_tests.gold.warehouse import Warehouse
from retail_medallion_tests.servers import fresh_database_on

_numbers = count()


@pytest.fixture(scope="module")
def warehouse(postgres_server: EmbeddedPostgres) -> Iterator[Warehouse]:
    """One database per module; every test has a source of its own in it."""
    with fresh_database_on(postgres_server, prefix="gold") as database:
        made = Warehouse(database.url)
        yield made
        made.engine.dispose()


@pytest.fixture
def source(warehouse: Warehouse) -> str:
    code = f"shop{next(_numbers)}"
    warehouse.add_source(code)
    return code
