"""Fixtures for every test: one real PostgreSQL and one real S3 per session, started when a test first asks."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion_tests.servers import (
    HOME_VARIABLE,
    POSTGRES_VARIABLE,
    FreshDatabase,
    fresh_database_on,
    remove_abandoned_homes,
    remove_home,
    session_home,
    session_servers,
)
from retail_medallion_tests.shared import drop_shared_databases

_OWNS_HOME = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    # Workers, and a pytest that a test starts, inherit the variable and leave the servers to the first process.
    config.stash[_OWNS_HOME] = HOME_VARIABLE not in os.environ
    if config.stash[_OWNS_HOME]:
        remove_abandoned_homes()
        session_home()


def pytest_unconfigure(config: pytest.Config) -> None:
    if config.stash.get(_OWNS_HOME, False):
        if POSTGRES_VARIABLE in os.environ:
            drop_shared_databases(session_servers().postgres)
        remove_home(session_home())
        os.environ.pop(HOME_VARIABLE, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Whole runs take longest. Begun first, none of them is left alone at the end.
    items.sort(key=lambda item: "orchestration" not in item.path.parts)


@pytest.fixture(scope="session")
def postgres_server() -> EmbeddedPostgres:
    """`.host .port .user .password`, and `.dsn(database)`; the user is the superuser."""
    return session_servers().up().postgres


@pytest.fixture
def fresh_database(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    """A new empty database: `.name`, `.dsn`, `.url`, `.connect()`."""
    with fresh_database_on(postgres_server) as database:
        yield database


@pytest.fixture(scope="session")
def s3_server() -> EmbeddedS3:
    """`.endpoint_url .access_key .secret_key .region`."""
    return session_servers().up().s3


@pytest.fixture(scope="session")
def s3_client(s3_server: EmbeddedS3) -> Any:
    """A boto3 client of that server."""
    return s3_server.client()


@pytest.fixture
def fresh_bucket(s3_client: Any) -> Iterator[str]:
    """Name of a new bucket, emptied and removed afterwards."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    s3_client.create_bucket(Bucket=name)
    yield name
    with contextlib.suppress(s3_client.exceptions.NoSuchBucket):
        for page in s3_client.get_paginator("list_object_versions").paginate(Bucket=name):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3_client.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])
        s3_client.delete_bucket(Bucket=name)
