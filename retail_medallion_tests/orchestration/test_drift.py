"""The source changes its columns from one day to the next, and a list of keys comes with it."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import pytest

from retail_medallion.definitions import build_definitions
from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.embedded.s3 import EmbeddedS3
from retail_medallion.mapping import check_mapping, load_mappings
from retail_medallion.model import load_model
from retail_medallion.orchestration import launch
from retail_medallion_tests.platform import platform_on
from retail_medallion_tests.servers import FreshDatabase, fresh_database_on

MONDAY = dt.date(2026, 6, 15)
TUESDAY, WEDNESDAY = MONDAY + dt.timedelta(days=1), MONDAY + dt.timedelta(days=2)

MAPPING = """
mapping: v1
source:
  {code: shop, tenant: acme, owner: team@acme.example, timezone: Europe/Berlin, currency: EUR, country: DE,
   language: de, first_day: 2026-06-15}
entities:
  suppliers:
    - block: vendors
      extract: {table: public.vendors, mode: changed, key: [id], watermark: changed_at}
      key: {supplier_id: id}
      columns: {supplier_name: 'CAST(label AS VARCHAR)', source_updated_at: changed_at}
    - block: existing
      extract: {table: public.vendors, mode: keys, key: [id]}
      key: {supplier_id: id}
  customers:
    - block: people
      extract: {table: public.people, mode: compared, key: [id]}
      key: {customer_id: id}
      columns: {full_name: name}
"""

SOURCE = """
CREATE TABLE vendors (id integer PRIMARY KEY, label integer, changed_at timestamptz);
INSERT INTO vendors SELECT n, 1000 + n, '2026-06-15 10:00Z' FROM generate_series(1, 40) n;
CREATE TABLE people (id integer PRIMARY KEY, name text);
INSERT INTO people VALUES (1, 'Ann'), (2, 'Bob');
"""


def change(database: FreshDatabase, statement: str) -> None:
    with contextlib.closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_day_is_refused_before_anything_is_written_and_taken_up_where_that_is_asked_for(
    postgres_server: EmbeddedPostgres, s3_server: EmbeddedS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "shop.yml").write_text(MAPPING)
    model = load_model()
    with fresh_database_on(postgres_server, prefix="drift") as database:
        change(database, SOURCE)
        with (
            platform_on(postgres_server, s3_server, database, tmp_path, source="shop") as platform,
            platform.active(),
        ):
            mappings = load_mappings(sources)
            assert check_mapping(mappings["shop"], model) == []
            definitions = build_definitions(mappings, model=model)

            def run(day: dt.date) -> None:
                selection = 'key:"shop/bronze/*" or key:"shop/silver/*"'
                launch.materialise(definitions, "shop", [day], instance=platform.instance, selection=selection)

            loaded = (
                "SELECT partition_date, covered_rows FROM silver_meta.partition_state"
                " WHERE entity = 'suppliers' ORDER BY 1"
            )
            customers = "SELECT customer_id, is_deleted, winner_partition FROM silver.customers ORDER BY 1"
            run(MONDAY)
            assert platform.ask(loaded) == [(MONDAY, {"existing": 40})]

            change(database, "ALTER TABLE vendors ALTER COLUMN label TYPE text; DELETE FROM people WHERE id = 1")
            with pytest.raises(
                launch.RunFailedError, match=r"(?s)G12: column 'label'.*integer.*2026-06-15.*text.*shop.yml"
            ):
                run(TUESDAY)
            assert platform.ask(loaded) == [(MONDAY, {"existing": 40})]
            # The other entity has taken its day, with the row that went meanwhile.
            assert platform.ask(customers) == [("1", True, TUESDAY), ("2", False, MONDAY)]
            with monkeypatch.context() as accepting:
                accepting.setenv("RETAIL_ACCEPT_DRIFT", "shop/suppliers")
                run(TUESDAY)

            change(database, "DELETE FROM vendors WHERE id > 20")
            with pytest.raises(launch.RunFailedError, match=r"(?s)20 fewer than the one of 2026-06-16.*accept-shrink"):
                run(WEDNESDAY)
            living = "SELECT count(*) FROM silver.suppliers WHERE NOT is_deleted"
            assert platform.ask(living) == [(40,)]
            with monkeypatch.context() as accepting:
                accepting.setenv("RETAIL_ACCEPT_SHRINK", "shop/suppliers")
                run(WEDNESDAY)
            assert platform.ask(living) == [(20,)]
