"""From the cart to the order."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import pandas as pd

from retail_medallion_tests.marts.documents import documents
from retail_medallion_tests.marts.exact import ZERO, ratio, total
from retail_medallion_tests.marts.frames import Retailer, Row, expected, only, summed

PATIENCE = dt.timedelta(hours=24)
COMES_BACK_WITHIN = dt.timedelta(days=7)
FATES = ("converted", "merged", "abandoned", "open_carts")


def mart_cart_funnel(retailer: Retailer) -> pd.DataFrame:
    """Carts per day, channel, device and currency, and what became of them."""
    sales, _ = documents(retailer)
    by_id = {sale["sale_id"]: sale for sale in only(sales, lambda _: True)}
    purchases: dict[str, list[dt.datetime]] = defaultdict(list)
    for sale in only(sales, lambda sale: sale["is_purchase"] and sale["customer_id"] is not None):
        purchases[sale["customer_id"]].append(sale["sold_at"])
    items: dict[str, list[Row]] = defaultdict(list)
    for item in retailer.rows("cart_lines"):
        if item["quantity"] > 0 and item["removed_at"] is None:
            items[item["cart_id"]].append(item)
    rows = []
    for cart in retailer.rows("carts"):
        own = items[cart["cart_id"]]
        bought = by_id.get(cart["sale_id"])
        converted_at = cart["converted_at"] or (bought and bought["sold_at"])
        converted = cart["status"] == "converted" or converted_at is not None
        fate = _fate(retailer, cart, converted=converted)
        value = total(item["amount"] for item in own) if cart["total"] is None else cart["total"]
        since = cart["last_activity_at"]
        came_back = any(since < at <= since + COMES_BACK_WITHIN for at in purchases[cart["customer_id"]])
        rows.append(
            {
                "created_date": cart["created_date"],
                "channel": cart["channel"],
                "device_type": cart["device"],
                "currency_code": cart["currency"],
                "carts": 1,
                "with_items": int(bool(own)),
                "checkout_started": int(converted or cart["checkout_at"] is not None),
                **{name: int(name == fate) for name in FATES},
                "cart_value": value,
                "abandoned_value": value if fate == "abandoned" else ZERO,
                "converted_value": bought["total"] if bought else ZERO,
                "recovered_within_7_days": int(fate == "abandoned" and came_back),
            }
        )
    table = summed(rows, ("created_date", "channel", "device_type", "currency_code"))
    for row in table:
        row["conversion_rate"] = ratio(row["converted"], row["carts"])
        row["abandonment_rate"] = ratio(row["abandoned"], row["carts"] - row["merged"])
    return expected(retailer, table)


def _fate(retailer: Retailer, cart: Row, *, converted: bool) -> str:
    if converted:
        return "converted"
    if cart["status"] == "merged":
        return "merged"
    midnight = dt.datetime.combine(retailer.horizon, dt.time(), dt.UTC)
    told = cart["abandoned_at"] is not None or cart["status"] in {"abandoned", "expired"}
    return "abandoned" if told or cart["last_activity_at"] + PATIENCE <= midnight else "open_carts"
