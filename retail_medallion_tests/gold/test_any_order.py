from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_medallion.gold.recompute import compare
from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.oracle import ENTITY_OF, Expected, comparable, share_out, without_references
from retail_medallion_tests.gold.warehouse import DAY, Warehouse, write_silver

_numbers = count()

DAYS = [DAY, DAY + dt.timedelta(days=1), DAY + dt.timedelta(days=20)]
QUIET_DAY = dt.date(2026, 8, 1)
LAST_DAY = dt.date(2026, 8, 2)
IDS = {
    "product_categories": ["c1", "c2", "c3"],
    "products": ["p1", "p2"],
    "suppliers": ["v1"],
    "inventory_locations": ["w1", "w2"],
    "customers": ["u1", "u2"],
    "payment_methods": ["m1"],
    "sales": ["s1", "s2", "s3"],
    "sale_items": ["i1", "i2", "i3", "i4"],
    "transactions": ["t1", "t2"],
}


def maybe(entity: str) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(IDS[entity])


def money(most: int = 2000) -> st.SearchStrategy[Decimal]:
    return st.integers(0, most).map(lambda cents: Decimal(cents).scaleb(-2))


deleted = st.sampled_from([False, False, False, True])

VALUES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "product_categories": st.fixed_dictionaries(
        {
            "parent_category_id": maybe("product_categories"),
            "category_name": st.sampled_from("ABC"),
            "is_deleted": deleted,
        }
    ),
    "products": st.fixed_dictionaries({"category_id": maybe("product_categories"), "supplier_id": maybe("suppliers")}),
    "suppliers": st.fixed_dictionaries({"is_active": st.booleans()}),
    "inventory_locations": st.fixed_dictionaries({"parent_location_id": maybe("inventory_locations")}),
    "customers": st.fixed_dictionaries(
        {"home_location_id": maybe("inventory_locations"), "merged_into_customer_id": maybe("customers")}
    ),
    "payment_methods": st.just({}),
    "sales": st.fixed_dictionaries(
        {
            "customer_id": maybe("customers"),
            "location_id": maybe("inventory_locations"),
            "business_date": st.sampled_from([DAY, dt.date(2026, 7, 1)]),
            "channel": st.sampled_from(["store", "web"]),
            "status": st.sampled_from(["completed", "completed", "cancelled"]),
            "sale_type": st.sampled_from(["sale", "return"]),
            "currency_code": st.sampled_from(["EUR", "EUR", "JPY"]),
            "discount_amount": money(),
            "total_amount": money(),
            "tax_included": st.booleans(),
            "is_test": deleted,
            "is_deleted": deleted,
        }
    ),
    "sale_items": st.fixed_dictionaries(
        {
            "sale_id": st.sampled_from(IDS["sales"]),
            "product_id": maybe("products"),
            "location_id": maybe("inventory_locations"),
            "line_type": st.sampled_from(["sale", "sale", "sale", "return", "return", "shipping", "gift_card"]),
            "quantity": st.integers(1, 3),
            "gross_amount": money(),
            "discount_amount": money(200),
            "tax_amount": money(100),
            "unit_cost": st.none() | money(500),
            "is_deleted": deleted,
        }
    ),
    "transactions": st.fixed_dictionaries(
        {
            "sale_id": maybe("sales"),
            "customer_id": maybe("customers"),
            "payment_method_id": maybe("payment_methods"),
            "transaction_type": st.sampled_from(["payment", "capture", "refund", "authorisation"]),
            "status": st.sampled_from(["succeeded", "succeeded", "failed"]),
            "currency_code": st.sampled_from(["EUR", "EUR", "JPY"]),
            "is_deleted": deleted,
        }
    ),
}

# Facts come more often than dimensions: they are where the orders differ.
ENTITIES = [*VALUES, *["sales"] * 5, *["sale_items"] * 9, *["transactions"] * 3]


@st.composite
def writes(draw: st.DrawFn) -> tuple[str, str, str, dt.date, dict[str, Any] | None]:
    entity = draw(st.sampled_from(ENTITIES))
    id_ = draw(st.sampled_from(IDS[entity]))
    withdrawn = draw(st.integers(0, 6)) == 0
    values = None if withdrawn else draw(VALUES[entity])
    if values is not None:
        # Silver refuses a row that refers to itself.
        links = {"parent_category_id", "parent_location_id", "merged_into_customer_id"}
        values = {c: None if c in links and v == id_ else v for c, v in values.items()}
    return ("write", entity, id_, draw(st.sampled_from(DAYS)), values)


FACTS = ["fct_sale", "fct_sale_item", "fct_transaction", "mart_daily_sales"]
one_table = st.sampled_from(sorted(TABLES)).map(lambda table: [table])
runs = st.tuples(
    st.just("run"), st.one_of(one_table, st.just(FACTS), st.just(FACTS)), st.sampled_from([*DAYS, *[QUIET_DAY] * 3])
)
steps = st.lists(st.one_of(writes(), writes(), runs), min_size=15, max_size=40)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
@given(schedule=steps)
def test_gold_is_a_function_of_silver_whatever_the_order_of_writes_and_runs(
    warehouse: Warehouse, schedule: list[tuple[Any, ...]]
) -> None:
    source = f"any{next(_numbers)}"
    warehouse.add_source(source)
    silver: dict[str, dict[str, dict[str, Any]]] = {}
    for step in schedule:
        if step[0] == "run":
            for table in step[1]:
                warehouse.run(table, source, step[2])
            continue
        _, entity, id_, day, values = step
        with warehouse.engine.begin() as connection:
            write_silver(connection, source, entity, id_, day, values)
        if values is None:
            silver.get(entity, {}).pop(id_, None)
        else:
            silver.setdefault(entity, {})[id_] = {**values, "day": day}
    # A day that was never reflected: what this run finds was pending, not mentioned by the day.
    warehouse.run_all(source, LAST_DAY)
    check(warehouse, source, silver)


def check(warehouse: Warehouse, source: str, silver: dict[str, dict[str, dict[str, Any]]]) -> None:
    expected = Expected(source, silver)
    for table, key, rows in (
        ("fct_sale", "sale_id", expected.sales),
        ("fct_sale_item", "sale_item_id", expected.items),
        ("fct_transaction", "transaction_id", expected.transactions),
    ):
        wanted = without_references(rows)
        if table == "fct_sale_item":
            wanted = {i: {c: v for c, v in row.items() if c != "channel"} for i, row in wanted.items()}
        like = next(iter(wanted.values()), {})
        assert comparable(warehouse.rows(table, source), key, like) == wanted
    grain = ("sale_date", "location_key", "product_key", "channel", "currency_code")
    like = next(iter(expected.daily.values()), {})
    assert comparable(warehouse.rows("mart_daily_sales", source), grain, like) == expected.daily
    for table, entity in ENTITY_OF.items():
        members = warehouse.rows(table, source)
        id_column = str(TABLES[table].id_column)
        assert {m[id_column]: m["is_inferred"] for m in members} == expected.members(table), entity
    for member in warehouse.rows("dim_category", source):
        if not member["is_inferred"]:
            assert member["path"] == expected.category_path(member["category_id"])
    assert warehouse.pending(source) == {("fct_sale_item", "sale_id", sale) for sale in expected.waiting()}
    with warehouse.engine.begin() as connection:
        assert not any(compare(connection, source).values())


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
    warehouse.run("fct_sale", sharing_source, DAYS[1 + next(_numbers) % 2])
    warehouse.run("fct_sale_item", sharing_source, DAYS[1])
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
    from fractions import Fraction

    assert share_out(Decimal("0.05"), [("a", Fraction(1)), ("b", Fraction(1)), ("c", Fraction(1))], 2) == {
        "a": Decimal("0.02"),
        "b": Decimal("0.02"),
        "c": Decimal("0.01"),
    }
    assert share_out(Decimal(10), [("a", Fraction(1)), ("b", Fraction(2))], 0) == {"a": Decimal(3), "b": Decimal(7)}
