from __future__ import annotations

import datetime as dt

from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import DAY, Warehouse

NEXT_DAY = DAY + dt.timedelta(days=1)


def ancestors(warehouse: Warehouse, source: str) -> dict[str, list[str]]:
    """Category to the nodes above it, itself first."""
    ids = {row["category_key"]: row["category_id"] for row in warehouse.rows("dim_category", source)}
    found: dict[str, dict[int, str]] = {}
    for row in warehouse.rows("bridge_category_ancestor", source):
        found.setdefault(ids[row["category_key"]], {})[row["depth"]] = ids[row["ancestor_key"]]
    return {leaf: [nodes[depth] for depth in range(len(nodes))] for leaf, nodes in found.items()}


def categories(warehouse: Warehouse, source: str) -> set[tuple[str, str, bool]]:
    """Product, category, whether it is the primary one."""
    products = {row["product_key"]: row["product_id"] for row in warehouse.rows("dim_product", source)}
    nodes = {row["category_key"]: row["category_id"] for row in warehouse.rows("dim_category", source)}
    return {
        (products[r["product_key"]], nodes[r["category_key"]], r["is_primary"])
        for r in warehouse.rows("bridge_product_category", source)
    }


def is_as_recomputed(warehouse: Warehouse, source: str) -> bool:
    with warehouse.engine.begin() as connection:
        return not any(compare(connection, source).values())


def test_a_category_that_moves_takes_everything_below_it_along(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "product_categories", "root")
    warehouse.put(source, "product_categories", "other")
    warehouse.put(source, "product_categories", "shoes", parent_category_id="root")
    warehouse.put(source, "product_categories", "boots", parent_category_id="shoes")
    warehouse.run_all(source)
    assert ancestors(warehouse, source) == {
        "root": ["root"],
        "other": ["other"],
        "shoes": ["shoes", "root"],
        "boots": ["boots", "shoes", "root"],
    }
    warehouse.put(source, "product_categories", "shoes", day=NEXT_DAY, parent_category_id="other")
    report = warehouse.run("bridge_category_ancestor", source, NEXT_DAY)
    assert (report.metadata["recomputed"], report.metadata["removed"]) == (2, 2)
    assert ancestors(warehouse, source)["boots"] == ["boots", "shoes", "other"]
    warehouse.run_all(source, NEXT_DAY)
    assert is_as_recomputed(warehouse, source)


def test_a_cycle_of_categories_ends_before_a_node_comes_again(warehouse: Warehouse, source: str) -> None:
    for node, above in (("a", "b"), ("b", "c"), ("c", "a"), ("leaf", "a")):
        warehouse.put(source, "product_categories", node, parent_category_id=above)
    warehouse.run_all(source)
    assert ancestors(warehouse, source) == {
        "a": ["a", "b", "c"],
        "b": ["b", "c", "a"],
        "c": ["c", "a", "b"],
        "leaf": ["leaf", "a", "b", "c"],
    }
    warehouse.put(source, "product_categories", "c")
    warehouse.run_all(source)
    assert ancestors(warehouse, source) == {
        "a": ["a", "b", "c"],
        "b": ["b", "c"],
        "c": ["c"],
        "leaf": ["leaf", "a", "b", "c"],
    }
    assert is_as_recomputed(warehouse, source)


def test_an_unknown_parent_is_an_ancestor_until_nothing_names_it(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "product_categories", "shoes", parent_category_id="late")
    warehouse.put(source, "product_categories", "boots", parent_category_id="shoes")
    warehouse.run("bridge_category_ancestor", source)
    assert ancestors(warehouse, source) == {"shoes": ["shoes", "late"], "boots": ["boots", "shoes", "late"]}
    members = {r["category_id"]: r["is_inferred"] for r in warehouse.rows("dim_category", source)}
    assert members == {"shoes": False, "boots": False, "late": True}

    warehouse.put(source, "product_categories", "late", day=NEXT_DAY, parent_category_id="root")
    warehouse.run_all(source, NEXT_DAY)
    assert ancestors(warehouse, source) == {
        "late": ["late", "root"],
        "shoes": ["shoes", "late", "root"],
        "boots": ["boots", "shoes", "late", "root"],
    }
    warehouse.drop(source, "product_categories", "late", day=NEXT_DAY)
    warehouse.put(source, "product_categories", "shoes", day=NEXT_DAY)
    warehouse.run_all(source, NEXT_DAY)
    assert ancestors(warehouse, source) == {"shoes": ["shoes"], "boots": ["boots", "shoes"]}
    assert {r["category_id"] for r in warehouse.rows("dim_category", source)} == {"shoes", "boots"}


def test_a_withdrawn_category_leaves_with_both_its_rows_and_its_member(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "product_categories", "a")
    warehouse.run_all(source)
    warehouse.drop(source, "product_categories", "a")
    # The bridge still refers to it: the dimension keeps a placeholder until the bridge is written.
    warehouse.run("dim_category", source)
    assert [r["is_inferred"] for r in warehouse.rows("dim_category", source)] == [True]
    warehouse.run("bridge_category_ancestor", source)
    assert warehouse.rows("bridge_category_ancestor", source) == []
    assert warehouse.rows("dim_category", source) == []


def test_a_deleted_category_keeps_its_place(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "product_categories", "a", is_deleted=True)
    warehouse.put(source, "product_categories", "b", parent_category_id="a")
    warehouse.run_all(source)
    assert ancestors(warehouse, source) == {"a": ["a"], "b": ["b", "a"]}


def test_a_product_stands_in_all_its_categories_and_once_in_its_primary_one(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "product_categories", "a")
    warehouse.put(source, "products", "p", category_id="a", extra_category_ids=["a", "b", "c"])
    warehouse.put(source, "products", "q", extra_category_ids=["b"], is_deleted=True)
    warehouse.put(source, "products", "r")
    warehouse.run_all(source)
    assert categories(warehouse, source) == {
        ("p", "a", True),
        ("p", "b", False),
        ("p", "c", False),
        ("q", "b", False),
    }
    members = {r["category_id"]: r["is_inferred"] for r in warehouse.rows("dim_category", source)}
    assert members == {"a": False, "b": True, "c": True}
    # An inferred category is not known to Silver: it has no row of its own among the ancestors.
    assert ancestors(warehouse, source) == {"a": ["a"]}

    warehouse.put(source, "products", "p", category_id="c", extra_category_ids=["a"])
    warehouse.put(source, "products", "q", is_deleted=True)
    warehouse.run_all(source)
    assert categories(warehouse, source) == {("p", "a", False), ("p", "c", True)}
    assert {r["category_id"] for r in warehouse.rows("dim_category", source)} == {"a", "c"}
    assert is_as_recomputed(warehouse, source)


def test_a_withdrawn_product_leaves_no_category_behind(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "products", "p", category_id="a", extra_category_ids=["b"])
    warehouse.run_all(source)
    warehouse.drop(source, "products", "p")
    warehouse.run_all(source)
    assert warehouse.rows("bridge_product_category", source) == []
    assert warehouse.rows("dim_product", source) == []
    assert warehouse.rows("dim_category", source) == []
