"""A run keeps its connections to Dagster's storage, and goes on where the server has closed one of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from unittest import mock

import dagster as dg
import psycopg2
import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.orchestration import storage_connections
from retail_medallion.orchestration.storage_connections import keep_connections
from retail_medallion_tests.platform import NewPlatform, process_environment


@pytest.fixture
def instance(new_platform: NewPlatform, postgres_server: EmbeddedPostgres) -> Iterator[dg.DagsterInstance]:
    with (
        process_environment(new_platform(), postgres_server) as environment,
        mock.patch.dict(os.environ, environment),
        dg.DagsterInstance.get() as instance,
    ):
        yield instance


@pytest.fixture
def sessions(postgres_server: EmbeddedPostgres) -> Iterator[psycopg2.extensions.cursor]:
    """Looks at the sessions of the storage from outside."""
    with contextlib.closing(postgres_server.connect()) as connection, connection.cursor() as cursor:
        yield cursor


def pids(sessions: psycopg2.extensions.cursor) -> set[int]:
    sessions.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", (os.environ["DAGSTER_PG_DB"],))
    return {pid for (pid,) in sessions.fetchall()}


def test_what_is_asked_of_the_storage_one_after_the_other_goes_over_one_connection(
    instance: dg.DagsterInstance, sessions: psycopg2.extensions.cursor
) -> None:
    keep_connections(instance)
    instance.get_runs()
    first = pids(sessions)
    assert first
    for _ in range(5):
        instance.get_runs()
    assert pids(sessions) == first


def test_a_connection_the_server_has_closed_is_replaced(
    instance: dg.DagsterInstance, sessions: psycopg2.extensions.cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_connections, "_TRUSTED_SECONDS", 0.0)
    keep_connections(instance)
    instance.get_runs()
    first = pids(sessions)
    for pid in first:
        sessions.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert instance.get_runs() == []
    assert pids(sessions).isdisjoint(first)


def test_a_storage_in_memory_takes_no_notice() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        keep_connections(instance)
        assert instance.get_runs() == []
