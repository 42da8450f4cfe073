"""What was known of products and customers over time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World

# What psycopg2 makes of infinity and -infinity.
FOR_EVER, SINCE_EVER = dt.date.max, dt.date.min

SAME = {
    "products": (
        "product_name",
        "brand",
        "product_type",
        "list_price",
        "cost_price",
        "currency_code",
        "tax_rate",
        "is_active",
        "is_deleted",
    ),
    "customers": (
        "customer_type",
        "segment",
        "loyalty_tier",
        "country_code",
        "region_code",
        "city",
        "marketing_opt_in",
        "is_active",
        "is_deleted",
    ),
}
LINKS = {
    "products": {
        "category_key": ("product_categories", "category_id"),
        "supplier_key": ("suppliers", "supplier_id"),
    },
    "customers": {"home_location_key": ("inventory_locations", "home_location_id")},
}


def _history(world: World, *, entity: str, key: str) -> list[Row]:
    rows = []
    for id_, versions in world.silver.versions.get(entity, {}).items():
        states: list[tuple[dt.date, Row]] = []
        for day, version in sorted(versions.items()):
            if version is None:
                continue
            links = {column: world.key(to, version[link]) for column, (to, link) in LINKS[entity].items()}
            state = {**{c: version[c] for c in SAME[entity]}, **links}
            if not states or states[-1][1] != state:
                states.append((day, state))
        for number, (day, state) in enumerate(states):
            is_current = number == len(states) - 1
            rows.append(
                {
                    key: world.key(entity, id_),
                    "valid_from": day if number else SINCE_EVER,
                    "valid_to": FOR_EVER if is_current else states[number + 1][0],
                    "is_current": is_current,
                    "version_no": number + 1,
                    "source_key": world.source_key,
                    "silver_partition": day,
                    **state,
                }
            )
    return rows


TABLES: dict[str, Callable[[World], list[Row]]] = {
    "dim_product_version": partial(_history, entity="products", key="product_key"),
    "dim_customer_version": partial(_history, entity="customers", key="customer_key"),
}
