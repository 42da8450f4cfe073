"""Categories above categories, and the categories of products."""

from __future__ import annotations

from retail_medallion_tests.gold.oracle.dimensions import climb
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World


def bridge_category_ancestor(world: World) -> list[Row]:
    known = world.current("product_categories")
    rows = []
    for id_ in known:
        above = climb(world, id_)
        beyond = known[above[-1]]["parent_category_id"]
        if beyond is not None and beyond not in above:
            above.append(beyond)
        rows += [
            {
                "category_key": world.key("product_categories", id_),
                "ancestor_key": world.key("product_categories", ancestor),
                "depth": depth,
                "source_key": world.source_key,
                "silver_partition": known[id_]["winner_partition"],
            }
            for depth, ancestor in enumerate(above)
        ]
    return rows


def bridge_product_category(world: World) -> list[Row]:
    rows = []
    for id_, product in world.current("products").items():
        primary = product["category_id"]
        categories = {*(product["extra_category_ids"] or ()), *([] if primary is None else [primary])}
        rows += [
            {
                "product_key": world.key("products", id_),
                "category_key": world.key("product_categories", category),
                "is_primary": category == primary,
                "source_key": world.source_key,
                "silver_partition": product["winner_partition"],
            }
            for category in sorted(categories)
        ]
    return rows


TABLES = {
    "bridge_category_ancestor": bridge_category_ancestor,
    "bridge_product_category": bridge_product_category,
}
