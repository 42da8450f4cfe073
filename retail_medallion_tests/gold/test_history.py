"""Products and customers as they were, against what plain Python makes of their versions."""

# ruff: noqa: S608 - the names in these statements are those of the tables

from __future__ import annotations

import datetime as dt
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.gold.keys import member_key
from retail_medallion_tests.gold.warehouse import DAY, Warehouse

DAYS = [DAY + dt.timedelta(days=n) for n in (-40, -1, 0, 1, 12)]
EVER, NEVER = dt.date.max, dt.date.min
_numbers = count()

_states = st.none() | st.fixed_dictionaries(
    {"brand": st.sampled_from(["A", "B"]), "category_id": st.sampled_from([None, "c"]), "variant_name": st.text("xy")}
)
_writes = st.tuples(st.sampled_from(["p", "q"]), st.sampled_from(DAYS), _states)


def periods(states: dict[dt.date, dict[str, Any]]) -> list[tuple[dt.date, dt.date, str, str | None]]:
    """(from, to, brand, category) of one product: what it was until it was something else."""
    found: list[list[Any]] = []
    for day in sorted(states):
        seen = [states[day]["brand"], states[day]["category_id"]]
        if found and found[-1][2:] == seen:
            continue
        if found:
            found[-1][1] = day
        found.append([day if found else NEVER, EVER, *seen])
    return [(a, b, brand, category) for a, b, brand, category in found]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=st.lists(st.one_of(_writes, _writes, st.none()), min_size=2, max_size=12))
def test_a_history_is_what_the_versions_say_whatever_the_order_they_came_in(
    warehouse: Warehouse, schedule: list[tuple[str, dt.date, dict[str, Any] | None] | None]
) -> None:
    source = f"history{next(_numbers)}"
    warehouse.add_source(source)
    record: dict[str, dict[dt.date, dict[str, Any]]] = {"p": {}, "q": {}}
    for step in [*schedule, None]:
        if step is not None:
            product, day, state = step
            record[product].pop(day, None)
            if state is None:
                warehouse.drop(source, "products", product, day)
            else:
                warehouse.put(source, "products", product, day, **state)
                record[product][day] = state
            continue
        warehouse.run("dim_product_version", source)
        rows = sorted(warehouse.rows("dim_product_version", source), key=lambda row: row["valid_from"])
        for product, states in record.items():
            own = [row for row in rows if row["product_key"] == member_key("products", source, product)]
            expected = [
                (start, end, brand, member_key("product_categories", source, category))
                for start, end, brand, category in periods(states)
            ]
            assert [(r["valid_from"], r["valid_to"], r["brand"], r["category_key"]) for r in own] == expected
            assert [r["version_no"] for r in own] == list(range(1, len(own) + 1))
            assert [r["is_current"] for r in own] == [False] * (len(own) - 1) + [True] * bool(own)


def test_an_earlier_day_that_changes_no_current_row_reaches_the_history(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "customers", "u", DAYS[3], segment="GOLD")
    warehouse.run_all(source)
    warehouse.put(source, "customers", "u", DAYS[1], segment="NEW")
    warehouse.put(source, "customers", "u", DAYS[3], segment="GOLD")
    warehouse.run("dim_customer_version", source, DAYS[1])
    rows = sorted(warehouse.rows("dim_customer_version", source), key=lambda row: row["valid_from"])
    assert [(r["segment"], r["valid_from"], r["valid_to"]) for r in rows] == [
        ("NEW", NEVER, DAYS[3]),
        ("GOLD", DAYS[3], EVER),
    ]


@pytest.mark.parametrize("entity", ["product", "customer"])
def test_two_versions_of_one_day_are_refused_by_the_database(warehouse: Warehouse, source: str, entity: str) -> None:
    table, key = f"dim_{entity}_version", f"{entity}_key"
    warehouse.put(source, f"{entity}s", "x", DAYS[0], is_active=True)
    warehouse.put(source, f"{entity}s", "x", DAYS[2], is_active=False)
    warehouse.run_all(source)
    of = f"WHERE {key} = gold.member_key('{entity}s', '{source}', 'x') AND version_no = "
    with pytest.raises(sa.exc.IntegrityError, match="no_overlap"):
        execute(warehouse, f"UPDATE gold.{table} SET valid_to = valid_to + 1 {of} 1")
    with pytest.raises(sa.exc.IntegrityError, match="begins_before_it_ends"):
        execute(warehouse, f"UPDATE gold.{table} SET valid_to = valid_from {of} 2")
    execute(warehouse, f"UPDATE gold.{table} SET valid_to = valid_to - 1 {of} 1")


def execute(warehouse: Warehouse, statement: str) -> None:
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text(statement))
