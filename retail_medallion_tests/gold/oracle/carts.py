"""Carts and their lines."""

from __future__ import annotations

import datetime as dt

from retail_medallion_tests.gold.oracle.arithmetic import total
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World, first_known


def _minutes(start: dt.datetime, end: dt.datetime | None) -> int | None:
    return None if end is None or end < start else int((end - start) // dt.timedelta(minutes=1))


def _is_removed(item: Row) -> bool:
    return item["quantity"] == 0 or item["removed_at"] is not None


def fct_cart(world: World) -> list[Row]:
    rows = []
    for id_, cart in world.live("shopping_carts").items():
        items = world.children("cart_items", "cart_id", id_).values()
        counted = [item for item in items if not _is_removed(item)]
        sale = world.sale(cart["sale_id"]) or {}
        added = [item["added_at"] for item in items if item["added_at"] is not None]
        converted_at = first_known(cart["converted_at"], sale.get("sold_at"))
        amounts = [item["line_amount"] for item in counted if item["line_amount"] is not None]
        rows.append(
            {
                "cart_key": world.key("shopping_carts", id_),
                "source_key": world.source_key,
                "cart_id": id_,
                "customer_key": world.key("customers", first_known(cart["customer_id"], sale.get("customer_id"))),
                "location_key": world.key("inventory_locations", sale.get("location_id")),
                "sale_key": world.sale_key(cart["sale_id"]),
                "channel": cart["channel"],
                "device_type": cart["device_type"],
                "status": cart["status"],
                "traffic_source": cart["traffic_source"],
                "campaign": cart["campaign"],
                "currency_code": cart["currency_code"],
                "created_date": cart["business_date"],
                "created_at": cart["created_at"],
                "first_item_at": min(added, default=None),
                "checkout_started_at": cart["checkout_started_at"],
                "converted_at": converted_at,
                "abandoned_at": cart["abandoned_at"],
                "last_activity_at": cart["last_activity_at"],
                "inactivity_deadline_at": cart["last_activity_at"] + dt.timedelta(hours=24),
                "is_converted": cart["status"] == "converted" or converted_at is not None,
                "item_count": len(counted),
                "units": total(item["quantity"] for item in counted),
                "cart_value": first_known(cart["total_amount"], total(amounts)),
                "converted_value": sale.get("total_amount"),
                "converted_currency_code": sale.get("currency_code"),
                "minutes_to_checkout": _minutes(cart["created_at"], cart["checkout_started_at"]),
                "minutes_to_conversion": _minutes(cart["created_at"], converted_at),
                "silver_partition": cart["winner_partition"],
            }
        )
    return rows


def fct_cart_item(world: World) -> list[Row]:
    rows = []
    for id_, item in world.live("cart_items").items():
        cart = world.live("shopping_carts").get(item["cart_id"])
        if cart is None:
            continue
        rows.append(
            {
                "cart_item_key": world.key("cart_items", id_),
                "source_key": world.source_key,
                "cart_item_id": id_,
                "cart_key": world.key("shopping_carts", item["cart_id"]),
                "product_key": world.key("products", item["product_id"]),
                "added_date": first_known(world.local_date(item["added_at"]), cart["business_date"]),
                "quantity": item["quantity"],
                "unit_price": item["unit_price"],
                "line_amount": item["line_amount"],
                "currency_code": cart["currency_code"],
                "was_removed": _is_removed(item),
                "silver_partition": item["winner_partition"],
            }
        )
    return rows


TABLES = {"fct_cart": fct_cart, "fct_cart_item": fct_cart_item}
