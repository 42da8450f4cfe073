"""That Gold is a function of current Silver, on a few schedules; many more are in `schedules`."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.oracle import ORACLES, Expected, Silver
from retail_medallion_tests.gold.oracle.arithmetic import share_out
from retail_medallion_tests.gold.schedules.comparison import differences, foreign_keys, stored
from retail_medallion_tests.gold.schedules.machine import THEMES, run_tables, try_schedules
from retail_medallion_tests.gold.warehouse import DAY, Warehouse, write_silver

_numbers = count()


@pytest.mark.parametrize("theme", THEMES)
def test_gold_is_a_function_of_silver_whatever_the_order_of_writes_and_runs(warehouse: Warehouse, theme: str) -> None:
    try_schedules(theme, warehouse, 3)


def test_the_calendar_of_a_source_which_schedules_leave_out_equals_its_oracle(
    warehouse: Warehouse, source: str
) -> None:
    table = TABLES["dim_fiscal_calendar"]
    with warehouse.engine.connect() as connection:
        run_tables(connection, source, ["dim_source", table.name], DAY)
        got = stored(connection, table, source)
    assert differences(table.name, got, Expected(Silver(source)).rows(table.name, table.primary_key)) == []


def test_every_table_has_an_oracle() -> None:
    assert {t.name for t in TABLES.values() if t.has_source} <= set(ORACLES)


def test_every_reference_is_a_foreign_key_that_is_checked_at_once(warehouse: Warehouse) -> None:
    declared = {(t.name, c.name, c.references) for t in TABLES.values() for c in t.columns if c.references}
    assert foreign_keys(warehouse.engine) == declared


def test_every_key_of_another_table_is_a_reference() -> None:
    keys = {key for t in TABLES.values() if t.kind in {"dimension", "fact"} for key in t.primary_key[:1]} - {"date_key"}
    without = {
        (t.name, c.name)
        for t in TABLES.values()
        for c in t.columns
        if c.name in keys
        and c.references is None
        and (t.kind not in {"dimension", "fact"} or c.name != t.primary_key[0])
    }
    assert without == set()


@pytest.fixture(scope="module")
def sharing_source(warehouse: Warehouse) -> str:
    warehouse.add_source("sharing")
    return "sharing"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    gross=st.lists(st.integers(0, 10**7), min_size=1, max_size=12),
    discount=st.integers(0, 10**7),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    returned=st.booleans(),
)
def test_shares_of_an_order_discount_add_up_exactly_and_none_is_off_by_a_coin(
    warehouse: Warehouse, sharing_source: str, gross: list[int], discount: int, currency: str, returned: bool
) -> None:
    digits = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
    amount = Decimal(discount).scaleb(-digits)
    sale = f"sale{next(_numbers)}"
    with warehouse.engine.begin() as connection:
        values = {"currency_code": currency, "discount_amount": amount, "sale_type": "return" if returned else "sale"}
        write_silver(connection, sharing_source, "sales", sale, DAY, values)
        for number, each in enumerate(gross):
            line = {
                "sale_id": sale,
                "gross_amount": Decimal(each).scaleb(-4),
                "line_type": "return" if returned else "sale",
            }
            write_silver(connection, sharing_source, "sale_items", f"{sale}/{number}", DAY, line)
    warehouse.run("fct_sale", sharing_source, DAY)
    warehouse.run("fct_sale_item", sharing_source, DAY)
    stored = {
        r["sale_item_id"]: r["allocated_discount"]
        for r in warehouse.rows("fct_sale_item", sharing_source)
        if r["sale_item_id"].startswith(f"{sale}/")
    }
    sign = -1 if returned else 1
    assert sum(stored.values()) == amount * sign
    total = sum(gross)
    for number, each in enumerate(gross):
        share = stored[f"{sale}/{number}"] * sign
        exact = amount * each / total if total else amount / len(gross)
        assert share == round(share, digits)
        assert abs(share - exact) < Decimal(1).scaleb(-digits)
        assert share >= 0


def test_left_over_coins_go_to_the_largest_remainders_then_to_the_smaller_id() -> None:
    assert share_out(Decimal("0.05"), [("a", Fraction(1)), ("b", Fraction(1)), ("c", Fraction(1))], 2) == {
        "a": Decimal("0.02"),
        "b": Decimal("0.02"),
        "c": Decimal("0.01"),
    }
    assert share_out(Decimal(10), [("a", Fraction(1)), ("b", Fraction(2))], 0) == {"a": Decimal(3), "b": Decimal(7)}
