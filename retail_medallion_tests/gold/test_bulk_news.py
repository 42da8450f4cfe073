"""Writes of Silver that change most rows: readers are told in one row, and lose nothing whatever meets whatever."""

from __future__ import annotations

import datetime as dt
import threading
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.gold.recompute import compare
from retail_medallion.gold.refresh import Refresh
from retail_medallion.silver import current
from retail_medallion.silver.writer import SilverWriter
from retail_medallion_tests.gold.warehouse import DAY, DEFAULTS, MODEL, Warehouse
from retail_medallion_tests.silver.cells import cell

NEXT_DAY = DAY + dt.timedelta(days=1)
READERS = {"fct_sale", "fct_sale_item", "fct_transaction", "dim_product", "findings"}
_numbers = count()


@pytest.fixture(autouse=True)
def _three_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "MANY", 3)


def load(warehouse: Warehouse, source: str, entity: str, rows: dict[str, dict[str, Any]], day: dt.date = DAY) -> None:
    """Write a Silver partition as the Silver asset does."""
    declared = MODEL.entity(entity)
    content = [{**DEFAULTS[entity], declared.key: key, **values} for key, values in rows.items()]
    partition = cell(declared, day, content)
    writer = SilverWriter(
        declared, source, mapping_version="1", model_version="1", open_partition=lambda _: partition, run_id="r"
    )
    with warehouse.engine.begin() as connection:
        writer.write(connection, day.isoformat())


def queue(warehouse: Warehouse, source: str) -> dict[tuple[str, str, str], int]:
    """What is pending for the readers of these tests, with its number."""
    rows = warehouse.execute("SELECT consumer, role, id, seq FROM meta.pending WHERE source_system = %s", (source,))
    return {(consumer, role, id_): seq for consumer, role, id_, seq in rows if consumer in READERS}


def sales(total: int, *ids: str) -> dict[str, dict[str, Any]]:
    return {id_: {"total_amount": total} for id_ in ids}


def totals(warehouse: Warehouse, source: str) -> dict[str, int]:
    return {row["sale_id"]: int(row["total_amount"]) for row in warehouse.rows("fct_sale", source)}


def test_a_load_of_most_rows_is_one_row_for_each_reader(warehouse: Warehouse, source: str) -> None:
    load(warehouse, source, "sales", sales(1, *"abcdef"))
    pending = queue(warehouse, source)
    assert {("fct_sale", "*", "sales"), ("findings", "*", "sales")} <= pending.keys()
    assert {role for _, role, _ in pending} == {"*"}
    warehouse.run("fct_sale", source)
    assert totals(warehouse, source) == dict.fromkeys("abcdef", 1)
    assert ("fct_sale", "*", "sales") not in queue(warehouse, source)


def test_few_changes_and_changes_of_few_of_the_rows_are_told_by_key(warehouse: Warehouse, source: str) -> None:
    load(warehouse, source, "sales", sales(1, *"abc"))
    assert {i for consumer, _, i in queue(warehouse, source) if consumer == "fct_sale"} == set("abc")
    load(warehouse, source, "sales", sales(1, *"defghijklm"), NEXT_DAY)
    warehouse.run("fct_sale", source)
    load(warehouse, source, "sales", sales(2, *"abcn"), NEXT_DAY + dt.timedelta(days=1))
    assert {i for consumer, _, i in queue(warehouse, source) if consumer == "fct_sale"} == set("abcn")


def test_while_everything_is_pending_a_change_raises_it_and_adds_no_key(warehouse: Warehouse, source: str) -> None:
    load(warehouse, source, "sales", sales(1, *"abcdef"))
    before = queue(warehouse, source)
    load(warehouse, source, "sales", sales(2, "a"), NEXT_DAY)
    after = queue(warehouse, source)
    assert after.keys() == before.keys()
    assert all(after[row] > before[row] for row in before)
    # Findings have to look at the sales whose payments changed, and were not told of payments yet.
    load(warehouse, source, "transactions", {"t": {"sale_id": "a"}})
    assert ("findings", "sale_id", "a") in queue(warehouse, source)


def test_a_key_that_lost_its_row_is_told_though_everything_else_is_told_at_once(
    warehouse: Warehouse, source: str
) -> None:
    load(warehouse, source, "products", {id_: {} for id_ in "abcdef"})
    warehouse.execute("DELETE FROM meta.pending WHERE source_system = %s", (source,))
    load(warehouse, source, "products", {id_: {"brand": "B"} for id_ in "bcdef"})
    assert {("dim_product", "*", "products"), ("findings", "departed_product_id", "a")} <= queue(
        warehouse, source
    ).keys()


def test_a_change_that_meets_a_run_taking_everything_off_the_queue_puts_it_there_again(
    warehouse: Warehouse, source: str
) -> None:
    load(warehouse, source, "sales", sales(1, *"abcdef"))
    written = threading.Event()

    def change() -> None:
        load(warehouse, source, "sales", sales(2, "a"), NEXT_DAY)
        written.set()

    with warehouse.writing("fct_sale", source):
        thread = threading.Thread(target=change)
        thread.start()
        # The row is being deleted and still seen: whoever raises it waits, and then finds it gone.
        assert not written.wait(0.5)
    thread.join(10)
    assert written.is_set()
    assert totals(warehouse, source)["a"] == 1
    assert ("fct_sale", "*", "sales") in queue(warehouse, source)
    warehouse.run("fct_sale", source)
    assert totals(warehouse, source)["a"] == 2


def test_a_change_committed_between_reading_everything_and_settling_keeps_everything_pending(
    warehouse: Warehouse, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse, source, "sales", sales(1, *"abcdef"))
    release = Refresh.release

    def change_meanwhile(refresh: Refresh) -> None:
        release(refresh)
        load(warehouse, source, "sales", sales(2, "a"), NEXT_DAY)

    with monkeypatch.context() as patch:
        patch.setattr(Refresh, "release", change_meanwhile)
        warehouse.run("fct_sale", source)
    assert totals(warehouse, source)["a"] == 1
    assert ("fct_sale", "*", "sales") in queue(warehouse, source)
    warehouse.run("fct_sale", source)
    assert totals(warehouse, source)["a"] == 2


_keys = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 3), max_size=6)
_loads = st.tuples(st.sampled_from(["sales", "sale_items", "products"]), st.sampled_from([DAY, NEXT_DAY]), _keys)
_runs = st.sampled_from(["dim_product", "fct_sale", "fct_sale_item", "mart_daily_sales"])


def _row(entity: str, key: str, value: int) -> dict[str, Any]:
    if entity == "products":
        return {"brand": str(value)}
    if entity == "sales":
        return {"total_amount": value}
    return {"sale_id": "abc"[value - 1], "product_id": key, "quantity": value}


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=st.lists(st.one_of(_loads, _loads, _runs), min_size=4, max_size=14))
def test_gold_is_a_function_of_silver_however_it_is_told(warehouse: Warehouse, schedule: list[Any]) -> None:
    source = f"bulk{next(_numbers)}"
    warehouse.add_source(source)
    for step in schedule:
        if isinstance(step, str):
            warehouse.run(step, source, NEXT_DAY)
            continue
        entity, day, rows = step
        load(warehouse, source, entity, {key: _row(entity, key, value) for key, value in rows.items()}, day)
    warehouse.run_all(source, NEXT_DAY)
    with warehouse.engine.begin() as connection:
        assert not any(compare(connection, source).values())
