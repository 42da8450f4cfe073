"""Fixtures of the extraction tests."""

from __future__ import annotations

from typing import Any

import pytest

from retail_medallion.storage.parquet_store import ParquetStore
from retail_medallion_tests.bronze.harness import Source, changed, execute
from retail_medallion_tests.servers import FreshDatabase


@pytest.fixture
def store(s3_client: Any, fresh_bucket: str) -> ParquetStore:
    return ParquetStore(s3_client, fresh_bucket)


@pytest.fixture
def source(fresh_database: FreshDatabase, store: ParquetStore) -> Source:
    """A source with one table `thing(id, label, price, updated_at)`, read in mode changed."""
    execute(
        fresh_database,
        "CREATE TABLE thing (id integer PRIMARY KEY, label text, price numeric(12,2), updated_at timestamptz)",
    )
    return Source(fresh_database, store, changed())
