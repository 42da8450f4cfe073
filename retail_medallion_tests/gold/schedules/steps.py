"""What a schedule is made of, as values that print as the code that makes them, and how schedules are drawn."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal as D  # noqa: N817 as in the rows of the shop
from typing import Any

from hypothesis import strategies as st

from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.oracle import Row
from retail_medallion_tests.gold.schedules.shop import (
    BUSINESS,
    DELIVERED_UP_TO,
    IDS,
    OWN_LINKS,
    QUIET,
    WRITTEN_ON,
    changes,
    maybe,
)
from retail_medallion_tests.gold.warehouse import MODEL

Told = list[tuple[str, str, Any]]
"""Entity, key, and what a day says of it: columns of its row, WITHDRAWN or TOMBSTONE."""


@dataclass(frozen=True)
class Write:
    """A day of Silver says something else of some keys; an earlier day than another one that spoke is a backfill."""

    day: dt.date
    told: Told


@dataclass(frozen=True)
class OpenShop:
    """A day of Silver brings every key of some entities, with links to one another."""

    day: dt.date
    entities: str

    @property
    def told(self) -> Told:
        told: Told = []
        for entity in sorted(set(self.entities.split())):
            links = {c.name: IDS[str(c.references)] for c in MODEL.entity(entity) if c.references and c.type == "text"}
            links.pop(OWN_LINKS.get(entity, ""), None)
            for number, id_ in enumerate(IDS[entity]):
                row: Row = {name: ids[number % len(ids)] for name, ids in links.items()}
                if "business_date" in MODEL.entity(entity).columns:
                    row["business_date"] = BUSINESS[number % 3]
                if entity == "sales":
                    row["discount_amount"] = D("3.33")
                if entity == "sale_items":
                    # Two sales have them all, so that a coin of the discount is left over.
                    row["sale_id"] = IDS["sales"][number % 2]
                told.append((entity, id_, row))
        return told


@dataclass(frozen=True)
class SellABundle:
    """A day of Silver brings enough sales of the same products to see that they go together."""

    day: dt.date
    products: list[str]
    first: int
    sold_on: dt.date
    customer: str | None

    @property
    def told(self) -> Told:
        sales = [f"s{number}" for number in range(self.first, self.first + 6)]
        told: Told = [("sales", s, {"business_date": self.sold_on, "customer_id": self.customer}) for s in sales]
        return told + [
            ("sale_items", f"{sale}/{product}", {"sale_id": sale, "product_id": product})
            for sale in sales
            for product in self.products
        ]


@dataclass(frozen=True)
class Deliver:
    """Entities have a partition of that day, so the horizon may move."""

    day: dt.date
    entities: list[str]


@dataclass(frozen=True)
class Run:
    """Tables are materialised, one after the other, for a day.

    Attributes:
        tables: Their names.
        day: The day.
        meanwhile: What Silver is told while the first of them works, just after it has read what is pending.
    """

    tables: list[str]
    day: dt.date
    meanwhile: Write | None = None


Step = OpenShop | Write | SellABundle | Deliver | Run


@dataclass(frozen=True)
class Theme:
    """What some schedules are about; whatever they do, all tables are compared at their end.

    Attributes:
        entities: What they write, as often as it is named.
        tables: What they run most.
        sells: Whether they sell bundles.
    """

    entities: str
    tables: str
    sells: bool = False


THEMES = {
    "sales": Theme(
        "sales sales sale_items sale_items sale_items transactions transactions customers",
        "fct_sale fct_sale_item fct_transaction mart_daily_sales mart_store_day mart_customer_rfm",
        sells=True,
    ),
    "coupons": Theme(
        "sales sales sale_items sale_items coupons customers",
        "dim_coupon fct_sale fct_sale_item fct_coupon_redemption mart_coupon_effect",
        sells=True,
    ),
    "club": Theme(
        "loyalty_transactions product_reviews product_reviews sales sale_items customers products",
        "fct_sale fct_sale_item fct_loyalty_transaction fct_review mart_product_quality",
    ),
    "carts": Theme(
        "shopping_carts shopping_carts cart_items cart_items cart_items sales products",
        "fct_sale fct_cart fct_cart_item mart_cart_funnel",
    ),
    "delivery": Theme(
        "sale_fulfilments sale_fulfilments sales sale_items sale_items inventory_locations",
        "fct_sale fct_sale_item fct_fulfilment mart_fulfilment_service",
    ),
    "stock": Theme(
        "stock_movements stock_movements stock_movements stock_movements products inventory_locations suppliers",
        "fct_stock_movement fct_inventory_daily mart_inventory_health",
    ),
    "catalogue": Theme(
        "product_categories product_categories products products suppliers inventory_locations customers customers"
        " coupons",
        "dim_category dim_product dim_customer dim_location bridge_category_ancestor bridge_product_category"
        " dim_product_version dim_customer_version",
    ),
    "everything": Theme(" ".join(IDS), " ".join(t for t in TABLES if t != "dim_fiscal_calendar"), sells=True),
}

_written_on = st.sampled_from(WRITTEN_ON)
_bundles = st.builds(
    SellABundle,
    day=_written_on,
    products=st.sampled_from([["p1", "p2"], ["p1", "p2", "p3"]]),
    first=st.integers(1, 3),
    sold_on=st.sampled_from(BUSINESS),
    customer=maybe("customers"),
)
_deliveries = st.builds(
    Deliver,
    day=st.sampled_from(DELIVERED_UP_TO),
    entities=st.sampled_from([["sales", "products"], ["sales"], ["products"]]),
)


def _weighted(strategies: list[st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of them, as often as it is named; `one_of` counts each once."""
    return st.sampled_from(range(len(strategies))).flatmap(strategies.__getitem__)


def schedules(name: str) -> st.SearchStrategy[list[Step]]:
    """Schedules of a theme: some writes, some runs, some writes, and so on."""
    theme = THEMES[name]
    tables = [table for table in theme.tables.split() if table in TABLES]
    writes = st.builds(
        Write, day=_written_on, told=st.lists(changes(tuple(theme.entities.split())), min_size=1, max_size=5)
    )
    written = _weighted([writes] * 7 + [_deliveries] * 3 + [_bundles] * theme.sells)
    run = st.builds(
        Run,
        tables=_weighted(
            [st.sampled_from([[table] for table in TABLES if table != "dim_fiscal_calendar"])]
            + [st.lists(st.sampled_from(tables), min_size=1, max_size=4, unique=True)] * 2
        ),
        day=st.sampled_from([*WRITTEN_ON, QUIET, QUIET]),
        meanwhile=_weighted([st.none()] * 4 + [writes]),
    )
    phases = st.tuples(st.lists(written, min_size=1, max_size=4), st.lists(run, min_size=1, max_size=2))
    opening = st.sampled_from([[], [OpenShop(WRITTEN_ON[0], theme.entities)]])
    return st.tuples(opening, st.lists(phases, min_size=1, max_size=6)).map(
        lambda drawn: [*drawn[0], *(step for phase in drawn[1] for steps in phase for step in steps)]
    )
