"""A mapping held against a real database: what is not there, of the wrong type, slow, or without an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from retail_medallion.cli import main
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.errors import AccessDeniedError
from retail_medallion.mapping import check_mapping
from retail_medallion.model import load_model
from retail_medallion.onboarding.live_check import FEW_ROWS, check_live, tables_not_read, unused_columns
from retail_medallion.onboarding.source import Source
from retail_medallion_tests.onboarding.shop import MAPPING, make, mapping, settings_of, source_of
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on

MODEL = load_model()


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedPostgres) -> Iterator[FreshDatabase]:
    with fresh_database_on(postgres_server) as database:
        make(database)
        yield database


@pytest.fixture
def source(database: FreshDatabase) -> Iterator[Source]:
    with source_of(database) as source:
        yield source


def found(source: Source, *changes: tuple[str, str]) -> list[str]:
    changed = mapping(*changes)
    assert not [problem for problem in check_mapping(changed, MODEL) if problem.severity == "error"]
    return [str(problem) for problem in check_live(changed, MODEL, source).problems]


KIOSK = (
    "shop.yml:22:9: warning: The code list of 'channel' lacks 'kiosk', found in the source, and makes them 'unknown'."
)
ANSWERED = [
    ("done: completed", "done: completed, lost: cancelled"),
    ("B: business", "B: business, Z: business"),
    ("'kiosk'", "'store'"),
]


def test_what_fits_the_database_has_no_problems(source: Source) -> None:
    assert found(source, *ANSWERED) == []


def test_values_without_an_answer_are_named(source: Source) -> None:
    assert found(source) == [
        "shop.yml:15:9: warning: The code map 'kind' lacks 'Z', found in the source, and rejects their rows.",
        "shop.yml:21:9: warning: The code map 'state' lacks 'lost', found in the source, and makes them 'unknown'.",
        KIOSK,
    ]


def test_only_rows_that_pass_where_are_looked_at_for_codes(source: Source) -> None:
    told = found(
        source, *ANSWERED[1:], ("      key: {sale_id", "      where: \"state <> 'lost'\"\n      key: {sale_id")
    )
    assert told == []
    assert found(source, *ANSWERED[1:], ("done: completed}", 'done: completed, "*": draft}')) == []


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("table: shop.orders", "table: shop.ordres", "18:17", "Did you mean 'shop.orders'?"),
        ("table: shop.orders", "table: orders", "18:17", "Did you mean 'shop.orders'?"),
        ("table: shop.orders", "query: 'select id, sttate from shop.orders'", "18:17", "Did you mean 'state'?"),
        ("table: shop.orders", "query: select * from shop.oders", "18:17", "Did you mean 'shop.orders'?"),
        ("key: [id], watermark: changed_at}\n      key: {sale", "key: [idd], watermark: changed_at}\n      key: {sale",
         "18:52", "Did you mean 'id'?"),
        ('"client_id"', '"clientid"', "23:9", "Did you mean 'client_id'?"),
        ('"total"', '"net"', "25:9", "takes an exact number"),
        ('"total"', '"CAST(net / 2 AS DECIMAL(18,4))"', "25:9", "is DOUBLE"),
        ('"at"', '"client_id"', "24:9", "takes a point in time"),
        ("watermark: changed_at}\n      key: {sale", "watermark: id}\n      key: {sale", "18:63", "of type bigint"),
    ],
)  # fmt: skip
def test_what_the_database_does_not_have_is_named_with_its_place(
    source: Source, old: str, new: str, where: str, words: str
) -> None:
    (problem,) = found(source, *ANSWERED, (old, new))
    assert problem.startswith(f"shop.yml:{where}: error: ")
    assert words in problem


def test_every_wrong_column_of_a_block_is_named_at_once(source: Source) -> None:
    told = found(source, *ANSWERED, ('"client_id"', '"clientid"'), ('"total"', '"net"'), ('"given"', '"givn"'))
    assert [line.split(": ")[0] for line in told] == ["shop.yml:12:9", "shop.yml:23:9", "shop.yml:25:9"]


def test_a_watermark_without_an_index_is_named_where_the_table_is_large(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {fact.name: fact for fact in check_live(mapping(), MODEL, source).facts}
    assert facts["customers/clients"].watermark == "by an index"
    assert facts["sales/orders"].watermark == "by reading all"
    assert facts["sales/orders"].rows < FEW_ROWS
    assert facts["sales/orders"].key is True
    monkeypatch.setattr("retail_medallion.onboarding.live_check.FEW_ROWS", 0)
    (problem,) = found(source, *ANSWERED)
    assert problem.startswith("shop.yml:18:63: warning: no index serves the watermark")


def test_a_key_nothing_keeps_unique_is_named(source: Source) -> None:
    told = found(
        source, *ANSWERED, ("key: [id], watermark: changed_at}\n      key: {sale_id: \"id\"}",
                            "key: [client_id], watermark: changed_at}\n      key: {sale_id: \"client_id\"}")
    )  # fmt: skip
    assert len(told) == 1
    assert "keeps the key (client_id) unique" in told[0]


def test_what_nothing_reads_is_listed(source: Source) -> None:
    block = mapping().blocks[1]
    assert unused_columns(mapping(), block, source.plan(block)) == ["net", "changed_at", "note"]
    assert tables_not_read(mapping(), source) == []
    assert tables_not_read(mapping(("table: shop.clients", "table: shop.orders")), source) == [
        "shop.clients (about 3 rows)"
    ]


def test_the_session_cannot_write(source: Source) -> None:
    with pytest.raises(AccessDeniedError):
        source.ask("INSERT INTO shop.spare VALUES (1) RETURNING id")


def test_the_command_fails_on_errors_and_on_warnings_only_where_asked(
    database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(database)
    for name in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"SHOP_DB_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("SHOP_DB_NAME", database.name)
    file = tmp_path / "shop.yml"
    file.write_text(MAPPING)
    assert CliRunner().invoke(main, ["mapping", "check", str(file)]).output == f"{file}: ok\n"
    live = CliRunner().invoke(main, ["mapping", "check", "--live", str(file)])
    assert (live.exit_code, live.output.count("warning")) == (0, 3), live.output
    assert "by an index" in live.output
    assert CliRunner().invoke(main, ["mapping", "check", "--live", "--strict", str(file)]).exit_code == 1
    file.write_text(MAPPING.replace('"total"', '"totl"'))
    assert CliRunner().invoke(main, ["mapping", "check", str(file)]).exit_code == 0
    live = CliRunner().invoke(main, ["mapping", "check", "--live", str(file)])
    assert live.exit_code == 1
    assert "Did you mean 'total'?" in live.output
    file.write_text(MAPPING.replace("total_amount", "totl_amount"))
    live = CliRunner().invoke(main, ["mapping", "check", "--live", str(file)])
    assert "the database was not looked at" in live.output
