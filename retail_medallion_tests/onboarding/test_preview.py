"""Rows of a source beside what they become: complete, with reasons, and without personal data unless asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from retail_medallion.cli import main
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.model import load_model
from retail_medallion.onboarding.preview import preview
from retail_medallion.onboarding.source import Source
from retail_medallion_tests.onboarding.shop import MAPPING, make, mapping, settings_of, source_of
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on

MODEL = load_model()
DAY = dt.date(2026, 6, 20)


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    with fresh_database_on(postgres_server) as database:
        make(database)
        yield database


@pytest.fixture
def source(database: FreshDatabase) -> Iterator[Source]:
    with source_of(database) as source:
        yield source


def test_rows_of_a_day_stand_beside_what_they_become(source: Source) -> None:
    found = mapping()
    looked = preview(found, MODEL, source, found.blocks[1], DAY, 10)
    assert [row.source["id"] for row in looked.rows] == ["10", "11", "12"]
    first, _, lost = looked.rows
    (silver,) = first.accepted
    assert (silver["sale_id"], silver["status"], silver["total_amount"]) == ("10", "pending", "19.9900")
    assert first.source["total"] == "19.99"
    assert "note" not in first.source
    assert lost.accepted == []
    assert {reason.column for reasons in lost.rejected for reason in reasons} >= {"sold_at"}


def test_only_the_rows_of_the_day_and_not_more_than_asked_for(source: Source) -> None:
    found = mapping()
    assert [r.source["id"] for r in preview(found, MODEL, source, found.blocks[0], DAY, 1).rows] == ["1"]
    next_day = preview(found, MODEL, source, found.blocks[0], dt.date(2026, 6, 21), 9)
    assert [row.source["id"] for row in next_day.rows] == ["3"]


def test_personal_data_is_shown_only_where_asked_for(source: Source) -> None:
    # A company made of a personal column, and a key that is an address, are personal too.
    found = mapping(
        ('first_name: "given"', 'first_name: "given"\n        company_name: "given || family"'),
        ('{customer_id: "id"}', '{customer_id: "mail"}'),
    )
    hidden = str(preview(found, MODEL, source, found.blocks[0], DAY, 10).rows)
    for personal in ("Ada", "Lovelace", "ada@example.org", "Bob", "example.org"):
        assert personal not in hidden
    assert "'customer_type': 'person'" in hidden
    shown = str(preview(found, MODEL, source, found.blocks[0], DAY, 10, personal_data=True).rows)
    for personal in ("Ada", "Lovelace", "ada@example.org"):
        assert personal in shown


def test_the_value_of_a_refused_personal_column_is_hidden_too(source: Source) -> None:
    found = mapping(('{expr: "kind", code: kind}', '{expr: "mail", code: kind}'))
    looked = preview(found, MODEL, source, found.blocks[0], DAY, 10)
    assert all(row.rejected for row in looked.rows)
    assert "example.org" not in str(looked.rows)


def test_the_command_prints_both_sides(
    database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(database)
    for name in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"SHOP_DB_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("SHOP_DB_NAME", database.name)
    file = tmp_path / "shop.yml"
    file.write_text(MAPPING)
    arguments = ["mapping", "preview", str(file), "--day", "2026-06-20", "--entity"]
    sales = CliRunner().invoke(main, [*arguments, "sales"])
    assert sales.exit_code == 0, sales.output
    assert "sales/orders: 3 rows of 2026-06-20" in sales.output
    assert "rejected:" in sales.output
    customers = CliRunner().invoke(main, [*arguments, "customers"])
    assert "Ada" not in customers.output
    assert "Ada" in CliRunner().invoke(main, [*arguments, "customers", "--show-personal-data"]).output
    assert CliRunner().invoke(main, [*arguments, "coupons"]).exit_code == 1
    live = CliRunner().invoke(main, ["mapping", "coverage", str(file), "--live"])
    assert live.exit_code == 0, live.output
    assert "shop sales/orders: not used: net, changed_at, note" in live.output
    one = CliRunner().invoke(main, ["mapping", "coverage", str(file), "--entity", "sales"])
    assert "currency_code" in one.output
    assert "default" in one.output
