"""The state machine: writes to Silver and runs of Gold in any order; what is there at the end is a function of Silver.

Belongs here: what a schedule may do, and that it is compared at its end. Does not belong here: the rows (`shop`), how
Silver is written (`writes`), what has to be there (`oracle`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.registry import TABLES
from retail_medallion.gold.writer import GoldWriter
from retail_medallion.silver.schema import ensure_month
from retail_medallion.storage.partitioned import ALL_OF_IT
from retail_medallion_tests.gold.oracle import Silver
from retail_medallion_tests.gold.schedules.comparison import compare_all
from retail_medallion_tests.gold.schedules.shop import (
    BUSINESS,
    DELIVERED_UP_TO,
    IDS,
    QUIET,
    WRITTEN_ON,
    changes,
    maybe,
)
from retail_medallion_tests.gold.schedules.writes import Writes
from retail_medallion_tests.gold.warehouse import MODEL, Warehouse

_numbers = count()
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name"
_STEPS = 10

THEMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sales": (
        ("sales", "sales", "sale_items", "sale_items", "sale_items", "transactions", "transactions", "customers"),
        ("fct_sale", "fct_sale_item", "fct_transaction"),
    ),
    "coupons": (
        ("sales", "sales", "sale_items", "sale_items", "coupons", "customers"),
        ("dim_coupon", "fct_sale", "fct_sale_item", "fct_coupon_redemption"),
    ),
    "club": (
        ("loyalty_transactions", "product_reviews", "product_reviews", "sales", "sale_items", "customers", "products"),
        ("fct_sale", "fct_sale_item", "fct_loyalty_transaction", "fct_review"),
    ),
    "carts": (
        ("shopping_carts", "shopping_carts", "cart_items", "cart_items", "cart_items", "sales", "products"),
        ("fct_sale", "fct_cart", "fct_cart_item"),
    ),
    "delivery": (
        ("sale_fulfilments", "sale_fulfilments", "sales", "sale_items", "sale_items", "inventory_locations"),
        ("fct_sale", "fct_sale_item", "fct_fulfilment"),
    ),
    "stock": (
        ("stock_movements", "stock_movements", "stock_movements", "products", "inventory_locations", "suppliers"),
        ("fct_stock_movement", "fct_inventory_daily"),
    ),
    "catalogue": (
        (
            *("product_categories", "product_categories", "products", "products", "suppliers"),
            *("inventory_locations", "customers", "customers", "coupons"),
        ),
        ("dim_category", "dim_product", "dim_customer", "dim_location", "bridge_category_ancestor"),
    ),
    "everything": (tuple(IDS), tuple(TABLES)),
}
"""What a schedule is about: the entities it writes, and the tables it runs most. All are compared at the end."""


class Schedule(RuleBasedStateMachine):
    """One source, written and reflected in any order."""

    warehouse: Warehouse
    is_sound = False

    @initialize(timezone=st.sampled_from(["UTC", "Europe/Berlin"]))
    def begin(self, timezone: str) -> None:
        source = f"shop{next(_numbers)}"
        self.warehouse.add_source(source, timezone)
        self.connection = self.warehouse.engine.connect()
        self.silver = Silver(source, timezone)
        self.writes = Writes(self.silver, cursor_of(self.connection))
        self.is_sound = True

    @rule(
        day=st.sampled_from(DELIVERED_UP_TO), entities=st.sampled_from([["sales", "products"], ["sales"], ["products"]])
    )
    def deliver(self, day: dt.date, entities: list[str]) -> None:
        """Some entities have a partition of that day, so the horizon may move."""
        with self.step():
            self.writes.deliver(day, entities)

    @rule(
        first=st.integers(1, 3),
        products=st.sampled_from([["p1", "p2"], ["p1", "p2", "p3"]]),
        sold_on=st.sampled_from(BUSINESS),
        customer=maybe("customers"),
        written_on=st.sampled_from(WRITTEN_ON),
    )
    def sell_a_bundle_often(
        self, first: int, products: list[str], sold_on: dt.date, customer: str | None, written_on: dt.date
    ) -> None:
        """Enough sales of the same products to see that they go together."""
        sales = [f"s{number}" for number in range(first, first + 6)]
        told: list[tuple[str, str, Any]] = [
            ("sales", sale, {"business_date": sold_on, "customer_id": customer}) for sale in sales
        ]
        told += [
            ("sale_items", f"{sale}/{product}", {"sale_id": sale, "product_id": product})
            for sale in sales
            for product in products
        ]
        with self.step():
            self.writes.write(written_on, told)

    def run_tables(self, tables: list[str], day: dt.date) -> None:
        for name in tables:
            writer = GoldWriter(name, self.silver.source)
            partition = ALL_OF_IT if TABLES[name].is_whole else day.isoformat()
            with self.connection.begin():
                with cursor_of(self.connection) as cursor:
                    cursor.execute(_LOCK, (sorted(writer.locks(partition)),))
                writer.write(self.connection, partition)

    @contextmanager
    def step(self) -> Iterator[None]:
        """What a step does; where it fails, that is what is wrong, and nothing is compared."""
        self.is_sound = False
        yield
        self.is_sound = True

    def teardown(self) -> None:
        if not self.is_sound:
            if hasattr(self, "connection"):
                self.connection.close()
            return
        try:
            # A day that was never reflected: what this run finds was pending, not mentioned by the day.
            self.run_tables(list(TABLES), QUIET + dt.timedelta(days=1))
            compare_all(self.connection, self.silver)
        finally:
            self.connection.close()


def machine_of(theme: str, warehouse: Warehouse) -> type[Schedule]:
    """The machine whose schedules are about a theme."""
    entities, favourites = THEMES[theme]
    tables = [name for name in favourites if name in TABLES]
    groups = st.one_of(
        st.sampled_from([[name] for name in TABLES]),
        st.permutations(tables).flatmap(lambda order: st.integers(1, min(len(order), 4)).map(lambda n: order[:n])),
    )

    class Themed(Schedule):
        @rule(day=st.sampled_from(WRITTEN_ON), told=st.lists(changes(entities), min_size=1, max_size=5))
        def write(self, day: dt.date, told: list[tuple[str, str, Any]]) -> None:
            """A day of Silver says something else of some keys."""
            with self.step():
                self.writes.write(day, told)

        @rule(day=st.sampled_from(WRITTEN_ON), told=st.lists(changes(entities), min_size=1, max_size=5))
        def write_more(self, day: dt.date, told: list[tuple[str, str, Any]]) -> None:
            with self.step():
                self.writes.write(day, told)

        @rule(tables=groups, day=st.sampled_from([*WRITTEN_ON, QUIET, QUIET]))
        def run(self, tables: list[str], day: dt.date) -> None:
            """Tables are materialised for a day."""
            with self.step():
                self.run_tables(tables, day)

    Themed.__name__ = Themed.__qualname__ = theme.capitalize()
    Themed.warehouse = warehouse
    return Themed


def try_schedules(theme: str, warehouse: Warehouse, examples: int) -> None:
    """Try so many schedules of a theme."""
    with warehouse.engine.begin() as connection:
        for entity in IDS:
            for day in WRITTEN_ON:
                ensure_month(connection, MODEL.entity(entity), day)
    run_state_machine_as_test(
        machine_of(theme, warehouse),
        settings=settings(
            max_examples=examples,
            stateful_step_count=_STEPS,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
