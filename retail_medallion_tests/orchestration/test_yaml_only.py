"""A column and an entity nobody has heard of reach Silver by writing YAML, from the source's table on."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from retail_medallion.definitions import build_definitions
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.mapping import check_mapping, load_mappings
from retail_medallion.model import CanonicalModel, load_model
from retail_medallion.model.document import describe_entities
from retail_medallion.orchestration import keys, launch
from retail_medallion.read import read_entity
from retail_medallion_tests.models import copy_of_model
from retail_medallion_tests.platform import Platform, platform_on
from retail_medallion_tests.servers import FreshDatabase

DAY = dt.date(2026, 6, 17)

COLUMN = "  greeting: {type: text, standardise: text, meaning: how letters to the supplier begin}\n"

ENTITY = """
entity: gift_wraps
description: One kind of wrapping paper.
key: gift_wrap_id
columns:
  gift_wrap_id: {type: text, required: true, standardise: key, meaning: source key}
  supplier_id: {type: text, standardise: reference, references: suppliers, meaning: who prints it}
  pattern: {type: text, required: true, standardise: enum, codes: wrap_pattern, meaning: what is printed on it}
  price: {type: 'numeric(18,4)', required: true, standardise: money, currency: currency_code, meaning: price of a roll}
  currency_code: {type: char(3), required: true, standardise: currency, source_default: currency, meaning: of the price}
rules:
  - {id: free, severity: reject, column: price, when: price = 0, message: a roll is given away}
"""

CODES = "codes: wrap_pattern\nvalues: [stars, stripes]\n"

MAPPING = """
mapping: v1
source:
  {code: shop, tenant: acme, owner: team@acme.example, timezone: Europe/Berlin, currency: EUR, country: DE,
   language: de, first_day: 2026-06-17}
codes:
  pattern: {S: stars, L: stripes}
entities:
  suppliers:
    - block: vendors
      extract: {table: public.vendors, mode: snapshot, key: [id]}
      key: {supplier_id: id}
      complete: {within: table}
      columns: {supplier_name: name, greeting: hello}
  gift_wraps:
    - block: rolls
      extract: {table: public.rolls, mode: changed, key: [id], watermark: changed_at}
      key: {gift_wrap_id: id}
      columns:
        supplier_id: vendor
        pattern: {expr: motif, code: pattern}
        price: price
        source_updated_at: changed_at
"""

SOURCE = """
CREATE TABLE vendors (id integer PRIMARY KEY, name text, hello text);
INSERT INTO vendors VALUES (1, 'Paper & Sons', '  Dear   friends ');
CREATE TABLE rolls (id integer PRIMARY KEY, vendor integer, motif text, price numeric(8,2), changed_at timestamptz);
INSERT INTO rolls VALUES (1, 1, 'S', 2.50, '2026-06-17 10:00Z'), (2, 1, 'L', 3.10, '2026-06-17 11:00Z'),
    (3, 1, 'S', 0, '2026-06-17 12:00Z');
"""


@dataclass(frozen=True)
class Shop:
    """A platform with the YAML of this module and nothing else of its own."""

    platform: Platform
    model: CanonicalModel
    definitions: dg.Definitions


@pytest.fixture(scope="module")
def shop(
    postgres_server: EmbeddedPostgres, s3_server: EmbeddedS3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    from retail_medallion_tests.servers import fresh_database_on

    model_folder = copy_of_model(tmp_path_factory.mktemp("model"))
    (model_folder / "entities" / "gift_wraps.yml").write_text(ENTITY)
    (model_folder / "codes" / "wrap_pattern.yml").write_text(CODES)
    suppliers = model_folder / "entities" / "suppliers.yml"
    suppliers.write_text(suppliers.read_text().replace("  gln: {", f"{COLUMN}  gln: {{", 1))
    sources: Path = tmp_path_factory.mktemp("sources")
    (sources / "shop.yml").write_text(MAPPING)
    model = load_model(model_folder)
    with fresh_database_on(postgres_server, prefix="shop") as database:
        fill(database)
        home = tmp_path_factory.mktemp("home")
        with platform_on(postgres_server, s3_server, database, home, source="shop") as platform, platform.active():
            mappings = load_mappings(sources)
            assert check_mapping(mappings["shop"], model) == []
            definitions = build_definitions(mappings, model=model)
            selection = 'key:"shop/bronze/*" or key:"shop/silver/*"'
            launch.materialise(definitions, "shop", [DAY], instance=platform.instance, selection=selection)
            yield Shop(platform, model, definitions)


def fill(database: FreshDatabase) -> None:
    with contextlib.closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(SOURCE)


def test_the_model_has_one_entity_more_than_the_shipped_one(shop: Shop):
    assert set(shop.model.entities) - set(load_model().entities) == {"gift_wraps"}
    assert shop.model.version != load_model().version


def test_the_rows_are_cleaned_judged_and_stored(shop: Shop):
    assert shop.platform.ask("SELECT supplier_name, greeting FROM silver.suppliers") == [
        ("Paper & Sons", "Dear friends")
    ]
    wraps = "SELECT gift_wrap_id, supplier_id, pattern, price, currency_code FROM silver.gift_wraps ORDER BY 1"
    assert shop.platform.ask(wraps) == [
        ("1", "1", "stars", Decimal("2.5000"), "EUR"),
        ("2", "1", "stripes", Decimal("3.1000"), "EUR"),
    ]
    assert shop.platform.ask("SELECT entity, key, rule, reason FROM silver_quarantine.readable") == [
        ("gift_wraps", "3", "gift_wraps.free", "a roll is given away")
    ]
    assert shop.platform.ask("SELECT count(*) FROM silver.gift_wraps_history WHERE is_current") == [(2,)]


def test_the_tables_have_the_declared_types_and_descriptions(shop: Shop):
    described = (
        "SELECT format_type(atttypid, atttypmod), attnotnull, col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attname = %s"
    )
    assert shop.platform.ask(described, "silver.suppliers", "greeting") == [
        ("text", False, "how letters to the supplier begin")
    ]
    assert shop.platform.ask(described, "silver.gift_wraps", "price") == [("numeric(18,4)", True, "price of a roll")]
    assert shop.platform.ask(described, "silver_versions.gift_wraps", "price")[0][0] == "numeric(18,4)"


def test_the_arrow_schema_has_them(shop: Shop):
    with shop.platform.active():
        wraps = read_entity("gift_wraps", model=shop.model).to_arrow()
        greeting = read_entity("suppliers", model=shop.model, columns=["greeting"]).to_arrow()
    assert wraps.schema.field("price").type == pa.decimal128(18, 4)
    assert wraps.num_rows == 2
    assert greeting.schema.field("greeting").type == pa.string()


def test_dagster_shows_them(shop: Shop):
    specs = {spec.key: spec for spec in shop.definitions.resolve_all_asset_specs()}

    def columns(entity: str) -> dict[str, dg.TableColumn]:
        schema = specs[keys.asset_key("shop", keys.SILVER, entity)].metadata["dagster/column_schema"]
        return {column.name: column for column in schema.columns}

    assert columns("gift_wraps")["price"].type == "numeric(18, 4)"
    assert columns("gift_wraps")["price"].description == "price of a roll"
    assert columns("suppliers")["greeting"].description == "how letters to the supplier begin"


def test_the_documentation_lists_them(shop: Shop):
    page = describe_entities(shop.model)
    assert "### gift_wraps\n\nOne kind of wrapping paper." in page
    assert "| greeting | text | text | how letters to the supplier begin; may be empty |" in page
    assert "| pattern | text | enum | what is printed on it; one of stars, stripes, unknown |" in page
    assert "| `gift_wraps.free` | rejected | a roll is given away |" in page
