from __future__ import annotations

import dataclasses

import pytest

from retail_medallion.gold import registry, schema
from retail_medallion_tests.gold.warehouse import Warehouse
from retail_medallion_tests.servers import FreshDatabase


@pytest.fixture
def own_warehouse(fresh_database: FreshDatabase) -> Warehouse:
    made = Warehouse(fresh_database.url)
    made.add_source("shop")
    made.put("shop", "sales", "s", customer_id="u")
    made.run_all("shop")
    return made


def declare_again(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        schema.ensure_schema(connection)


def test_an_unchanged_declaration_changes_nothing(own_warehouse: Warehouse) -> None:
    declare_again(own_warehouse)
    assert own_warehouse.pending("shop") == set()


def test_changed_sql_makes_everything_pending_and_changed_words_do_not(
    own_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = registry.TABLES["fct_sale"]
    monkeypatch.setitem(registry.TABLES, "fct_sale", dataclasses.replace(table, question="?", grain="another grain"))
    declare_again(own_warehouse)
    assert own_warehouse.pending("shop") == set()
    assert own_warehouse.execute("SELECT obj_description('gold.fct_sale'::regclass)") == [("Another grain.",)]

    monkeypatch.setitem(registry.TABLES, "fct_sale", dataclasses.replace(table, select=table.select + " "))
    declare_again(own_warehouse)
    assert own_warehouse.pending("shop") == {("fct_sale", "*", "")}
    assert own_warehouse.run("fct_sale", "shop").skipped


def test_changed_columns_make_gold_anew_and_the_next_run_fills_it(
    own_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = registry.TABLES["dim_supplier"]
    changed = dataclasses.replace(table, unique=())
    monkeypatch.setitem(registry.TABLES, "dim_supplier", changed)
    declare_again(own_warehouse)
    assert own_warehouse.rows("fct_sale", "shop") == []
    own_warehouse.run_all("shop")
    assert len(own_warehouse.rows("fct_sale", "shop")) == 1
    assert own_warehouse.pending("shop") == set()
