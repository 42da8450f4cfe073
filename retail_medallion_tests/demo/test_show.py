"""What the command shows when the database of a demo retailer cannot be reached."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from rich.console import Console

from retail_medallion.demo.show import show
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion_tests.platform import Platform, platform_on, process_environment

SOURCES = ("demo_journal", "demo_documents")


def nowhere(source: str) -> dict[str, str]:
    """Variables that name a database where nobody listens."""
    values = {"HOST": "127.0.0.1", "PORT": "1", "NAME": source, "USER": "nobody", "PASSWORD": ""}
    return {f"{source.upper()}_DB_{name}": value for name, value in values.items()}


def shown(platform: Platform, server: EmbeddedPostgres, *unreachable: str) -> str:
    """What is printed; the command has to end with 1."""
    told = io.StringIO()
    away = {name: value for source in unreachable for name, value in nowhere(source).items()}
    with process_environment(platform, server) as variables, platform.active():
        named = {**variables, **away, "RETAIL_SOURCES": ",".join(SOURCES)}
        with mock.patch.dict(os.environ, named), pytest.raises(SystemExit) as ended:
            show(Console(file=told, width=200), scale=1, days=90, sources=SOURCES)
    assert ended.value.code == 1
    return told.getvalue()


@pytest.fixture
def platform(
    postgres_server: EmbeddedPostgres, s3_server: EmbeddedS3, fresh_database, tmp_path: Path
) -> Iterator[Platform]:
    with platform_on(postgres_server, s3_server, fresh_database, tmp_path, source="demo_documents") as made:
        yield made


def test_every_retailer_that_cannot_be_shown_is_named_with_its_reason(
    platform: Platform, postgres_server: EmbeddedPostgres
) -> None:
    text = shown(platform, postgres_server, *SOURCES)
    assert text.count("127.0.0.1:1") == 2
    assert "Not as it should be: demo_journal, demo_documents\n" in text


@pytest.mark.slow
def test_a_retailer_whose_database_is_unreachable_does_not_stop_the_next(
    platform: Platform, postgres_server: EmbeddedPostgres
) -> None:
    text = shown(platform, postgres_server, "demo_journal")
    assert "Not as it should be: demo_journal\n" in text
    journal, documents = text.split("demo_documents: a surf shop")
    assert "127.0.0.1:1" in journal
    assert "comparisons hold" not in journal
    assert "another day happens" in documents
    assert "comparisons hold, in rows and to the cent." in documents
