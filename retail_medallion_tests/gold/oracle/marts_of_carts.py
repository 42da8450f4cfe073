"""What becomes of carts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from retail_medallion_tests.gold.oracle.arithmetic import ratio, total
from retail_medallion_tests.gold.oracle.marts_of_sales import grouped, purchases
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import NIL, World

WEEK = dt.timedelta(days=7)


def _fate(world: World, cart: Row) -> str:
    if cart["is_converted"]:
        return "converted"
    if cart["status"] == "merged":
        return "merged"
    if cart["abandoned_at"] is not None or cart["status"] in {"abandoned", "expired"}:
        return "abandoned"
    if world.horizon is not None:
        end = dt.datetime.combine(world.horizon, dt.time(), dt.UTC)
        if cart["inactivity_deadline_at"] <= end:
            return "abandoned"
    return "open_carts"


def _is_recovered(cart: Row, bought_at: dict[Any, list[dt.datetime]]) -> bool:
    left = cart["last_activity_at"]
    return cart["customer_key"] != NIL and any(
        left < at <= left + WEEK for at in bought_at.get(cart["customer_key"], ())
    )


def mart_cart_funnel(world: World) -> list[Row]:
    grain = ("source_key", "created_date", "channel", "device_type", "currency_code")
    carts = [{**cart, "device_type": cart["device_type"] or "unknown"} for cart in world.rows("fct_cart")]
    bought_at: dict[Any, list[dt.datetime]] = {}
    for sale in purchases(world):
        bought_at.setdefault(sale["customer_key"], []).append(sale["sold_at"])
    rows = []
    for key, found in grouped(carts, *grain).items():
        fates = [_fate(world, cart) for cart in found]
        lost = [cart for cart, fate in zip(found, fates, strict=True) if fate == "abandoned"]
        count = {fate: fates.count(fate) for fate in ("converted", "merged", "abandoned", "open_carts")}
        rows.append(
            {
                **dict(zip(grain, key, strict=True)),
                "carts": len(found),
                "with_items": sum(cart["item_count"] > 0 for cart in found),
                "checkout_started": sum(
                    cart["checkout_started_at"] is not None or cart["is_converted"] for cart in found
                ),
                **count,
                "conversion_rate": ratio(count["converted"], len(found)),
                "abandonment_rate": ratio(count["abandoned"], len(found) - count["merged"]),
                "cart_value": total(cart["cart_value"] for cart in found),
                "abandoned_value": total(cart["cart_value"] for cart in lost),
                "converted_value": total(
                    cart["converted_value"]
                    for cart in found
                    if cart["converted_currency_code"] == cart["currency_code"]
                ),
                "recovered_within_7_days": sum(_is_recovered(cart, bought_at) for cart in lost),
            }
        )
    return rows


TABLES = {"mart_cart_funnel": mart_cart_funnel}
