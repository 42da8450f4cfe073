from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from retail_medallion.gold.keys import NOT_APPLICABLE, member_key
from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import DAY, NOON, Warehouse

NEXT_DAY = DAY + dt.timedelta(days=1)


def after(minutes: float) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minutes)


def is_as_recomputed(warehouse: Warehouse, source: str) -> bool:
    with warehouse.engine.begin() as connection:
        return not any(compare(connection, source).values())


def items_by_cart(warehouse: Warehouse, source: str) -> dict[str, set[str]]:
    carts = {row["cart_key"]: row["cart_id"] for row in warehouse.rows("fct_cart", source)}
    found: dict[str, set[str]] = {cart: set() for cart in carts.values()}
    for row in warehouse.rows("fct_cart_item", source):
        found[carts[row["cart_key"]]].add(row["cart_item_id"])
    return found


def test_a_cart_counts_what_is_still_in_it_and_says_how_far_it_got(warehouse: Warehouse, source: str) -> None:
    warehouse.put(
        source, "shopping_carts", "c", checkout_started_at=after(5.9), last_activity_at=after(7), abandoned_at=after(60)
    )
    warehouse.put(source, "cart_items", "i", product_id="p", quantity=2, line_amount=8, added_at=after(2))
    warehouse.put(source, "cart_items", "j", quantity=0, line_amount=1, added_at=after(1))
    warehouse.put(source, "cart_items", "k", quantity=3, line_amount=1, added_at=after(3), removed_at=after(4))
    warehouse.put(source, "cart_items", "l", quantity=5, added_at=after(0.5), is_deleted=True)
    warehouse.run_all(source)

    (cart,) = warehouse.rows("fct_cart", source)
    assert (cart["item_count"], cart["units"], cart["cart_value"]) == (1, 2, 8)
    assert cart["first_item_at"] == after(1)
    assert (cart["minutes_to_checkout"], cart["minutes_to_conversion"], cart["is_converted"]) == (5, None, False)
    assert cart["inactivity_deadline_at"] == after(7) + dt.timedelta(days=1)
    assert (cart["sale_key"], cart["location_key"], cart["customer_key"]) == (None, NOT_APPLICABLE, NOT_APPLICABLE)
    removed = {r["cart_item_id"]: r["was_removed"] for r in warehouse.rows("fct_cart_item", source)}
    assert removed == {"i": False, "j": True, "k": True}
    assert is_as_recomputed(warehouse, source)


def test_a_cart_is_worth_what_it_says_itself_and_nothing_when_nothing_is_known(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "shopping_carts", "c", total_amount=Decimal("7.5"))
    warehouse.put(source, "shopping_carts", "d")
    warehouse.put(source, "cart_items", "i", cart_id="c", line_amount=8)
    warehouse.put(source, "cart_items", "j", cart_id="d")
    warehouse.run_all(source)
    assert {r["cart_id"]: r["cart_value"] for r in warehouse.rows("fct_cart", source)} == {"c": Decimal("7.5"), "d": 0}


def test_a_converted_cart_takes_buyer_place_time_and_value_from_a_sale_that_comes_late(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "shopping_carts", "c", status="converted", sale_id="s")
    warehouse.run_all(source)
    (cart,) = warehouse.rows("fct_cart", source)
    assert (cart["is_converted"], cart["converted_at"], cart["converted_value"]) == (True, None, None)

    warehouse.put(
        source, "sales", "s", day=NEXT_DAY, customer_id="u", location_id="l", total_amount=9, sold_at=after(90)
    )
    warehouse.run("fct_cart", source, NEXT_DAY)  # Before its parent: it waits.
    assert ("fct_cart", "cart_id", "c") in warehouse.pending(source)
    assert warehouse.rows("fct_cart", source)[0]["sale_key"] is None
    warehouse.run_all(source, NEXT_DAY)
    (cart,) = warehouse.rows("fct_cart", source)
    assert cart["sale_key"] == member_key("sales", source, "s")
    assert cart["customer_key"] == member_key("customers", source, "u")
    assert cart["location_key"] == member_key("inventory_locations", source, "l")
    assert (cart["converted_at"], cart["converted_value"], cart["minutes_to_conversion"]) == (after(90), 9, 90)
    assert warehouse.pending(source) == set()
    assert is_as_recomputed(warehouse, source)


def test_a_sale_that_was_a_test_or_is_deleted_leaves_its_cart_without_a_sale(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "shopping_carts", "c", sale_id="s", customer_id="v")
    turns: list[dict[str, Any]] = [{"is_test": True}, {"is_deleted": True}]
    for gone in turns:
        warehouse.put(source, "sales", "s", customer_id="u", total_amount=9)
        warehouse.run_all(source)
        (cart,) = warehouse.rows("fct_cart", source)
        assert (cart["sale_key"], cart["is_converted"]) == (member_key("sales", source, "s"), True)
        assert cart["customer_key"] == member_key("customers", source, "v")
        warehouse.put(source, "sales", "s", customer_id="u", **gone)
        warehouse.run_all(source)
        (cart,) = warehouse.rows("fct_cart", source)
        assert (cart["sale_key"], cart["is_converted"], cart["converted_value"]) == (None, False, None)
        assert is_as_recomputed(warehouse, source)


def test_times_before_the_cart_was_opened_give_no_minutes(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "shopping_carts", "c", checkout_started_at=after(-1), converted_at=after(-1))
    warehouse.run_all(source)
    (cart,) = warehouse.rows("fct_cart", source)
    assert (cart["minutes_to_checkout"], cart["minutes_to_conversion"], cart["is_converted"]) == (None, None, True)


def test_an_item_that_moves_to_another_cart_is_counted_there_alone(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "shopping_carts", "c", status="merged")
    warehouse.put(source, "shopping_carts", "d")
    warehouse.put(source, "cart_items", "i", cart_id="c")
    warehouse.put(source, "cart_items", "j", cart_id="d")
    warehouse.run_all(source)
    warehouse.put(source, "cart_items", "i", day=NEXT_DAY, cart_id="d")
    warehouse.run_all(source, NEXT_DAY)
    assert items_by_cart(warehouse, source) == {"c": set(), "d": {"i", "j"}}
    assert {r["cart_id"]: r["item_count"] for r in warehouse.rows("fct_cart", source)} == {"c": 0, "d": 2}
    assert is_as_recomputed(warehouse, source)


def test_an_item_that_moves_while_its_old_cart_is_deleted_survives_in_the_new_one(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "shopping_carts", "c")
    warehouse.put(source, "shopping_carts", "d")
    warehouse.put(source, "cart_items", "i", cart_id="c")
    warehouse.run_all(source)
    warehouse.put(source, "cart_items", "i", cart_id="d")
    warehouse.run("fct_cart_item", source, NEXT_DAY)
    warehouse.put(source, "shopping_carts", "c", is_deleted=True)
    warehouse.run_all(source, NEXT_DAY)
    assert items_by_cart(warehouse, source) == {"d": {"i"}}
    assert is_as_recomputed(warehouse, source)


def test_items_of_an_unknown_cart_wait_and_those_of_a_deleted_cart_do_not(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "cart_items", "i", cart_id="c")
    reports = warehouse.run_all(source)
    assert reports["fct_cart_item"].metadata["waiting_for_parent"] == 1
    assert warehouse.pending(source) == {("fct_cart_item", "cart_id", "c")}

    warehouse.put(source, "shopping_carts", "c", day=NEXT_DAY)
    warehouse.run_all(source, NEXT_DAY)
    assert items_by_cart(warehouse, source) == {"c": {"i"}}

    warehouse.put(source, "shopping_carts", "c", day=NEXT_DAY, is_deleted=True)
    warehouse.run_all(source, NEXT_DAY)
    assert warehouse.rows("fct_cart_item", source) == warehouse.rows("fct_cart", source) == []
    assert warehouse.pending(source) == set()


def test_an_item_is_dated_by_the_zone_of_the_source_and_else_by_its_cart(warehouse: Warehouse) -> None:
    warehouse.add_source("seoul", "Asia/Seoul")
    warehouse.put("seoul", "shopping_carts", "c")
    warehouse.put("seoul", "cart_items", "i", added_at=NOON + dt.timedelta(hours=3))
    warehouse.put("seoul", "cart_items", "j", added_at=NOON + dt.timedelta(hours=3, seconds=-1))
    warehouse.put("seoul", "cart_items", "k")
    warehouse.run_all("seoul")
    dates = {r["cart_item_id"]: r["added_date"] for r in warehouse.rows("fct_cart_item", "seoul")}
    assert dates == {"i": NEXT_DAY, "j": DAY, "k": DAY}


def test_items_whose_cart_silver_withdrew_wait_even_where_the_table_of_carts_still_has_it(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "shopping_carts", "c")
    warehouse.put(source, "cart_items", "i", cart_id="c")
    warehouse.run_all(source)
    warehouse.drop(source, "shopping_carts", "c")
    warehouse.run("fct_cart_item", source, NEXT_DAY)
    warehouse.run_all(source, NEXT_DAY)
    assert items_by_cart(warehouse, source) == {}
    assert warehouse.pending(source) == {("fct_cart_item", "cart_id", "c")}
