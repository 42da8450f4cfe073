"""Sales per day: by product, and by store."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from retail_medallion_tests.gold.oracle.arithmetic import ratio, total
from retail_medallion_tests.gold.oracle.sales import NO_MERCHANDISE
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import NIL, World

HOURS = 24


def grouped(rows: list[Row], *columns: str) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[column] for column in columns)].append(row)
    return found


def documents(world: World) -> list[Row]:
    """The sale documents that are revenue."""
    return [sale for sale in world.rows("fct_sale") if sale["is_revenue"]]


def is_purchase(sale: Row) -> bool:
    return sale["is_revenue"] and sale["sale_type"] in {"sale", "exchange"}


def purchases(world: World) -> list[Row]:
    return [sale for sale in world.rows("fct_sale") if is_purchase(sale)]


def sold_and_returned(items: list[Row]) -> Row:
    """Units of some lines."""
    goods = [item for item in items if item["line_type"] not in NO_MERCHANDISE]
    return {
        "units": total(item["quantity"] for item in goods if item["line_type"] != "return"),
        "returned_units": total(
            -item["quantity"] if item["line_type"] == "return" else item["returned_quantity"] for item in goods
        ),
    }


def revenue_lines(world: World) -> list[Row]:
    """The lines that are revenue, with the channel of their sale."""
    channels = {sale["sale_key"]: sale["channel"] for sale in world.rows("fct_sale")}
    return [
        {**item, "channel": channels[item["sale_key"]]} for item in world.rows("fct_sale_item") if item["is_revenue"]
    ]


def mart_daily_sales(world: World) -> list[Row]:
    grain = ("source_key", "sale_date", "location_key", "product_key", "channel", "currency_code")
    rows = []
    for key, items in grouped(revenue_lines(world), *grain).items():
        known = [item for item in items if item["cost_amount"] is not None]
        rows.append(
            {
                **dict(zip(grain, key, strict=True)),
                "line_count": len(items),
                **sold_and_returned(items),
                "gross_amount": total(item["gross_amount"] for item in items),
                "discount_amount": total(item["line_discount"] + item["allocated_discount"] for item in items),
                "net_revenue": total(item["net_revenue"] for item in items),
                "tax_amount": total(item["tax_amount"] for item in items),
                "cost_amount": total(item["cost_amount"] for item in known),
                "margin_amount": total(item["margin_amount"] for item in known),
                "lines_without_cost": len(items) - len(known),
            }
        )
    return rows


def mart_store_day(world: World) -> list[Row]:
    grain = ("source_key", "sale_date", "location_key", "channel", "currency_code")
    rows = []
    for key, sales in grouped(documents(world), *grain).items():
        bought = [sale for sale in sales if is_purchase(sale)]
        named = [sale["customer_key"] for sale in bought if sale["customer_key"] != NIL]
        hours = Counter(sale["sale_hour"] for sale in bought)
        purchase_units = total(sale["units"] for sale in bought)
        purchase_revenue = total(sale["net_revenue"] for sale in bought)
        gross, discount = (total(sale[c] for sale in sales) for c in ("gross_amount", "discount_amount"))
        rows.append(
            {
                **dict(zip(grain, key, strict=True)),
                "sale_count": len(bought),
                "return_count": sum(sale["sale_type"] == "return" for sale in sales),
                "identified_sales": len(named),
                "identified_customers": len(set(named)),
                "units": total(sale["units"] for sale in sales),
                "gross_amount": gross,
                "discount_amount": discount,
                "net_revenue": total(sale["net_revenue"] for sale in sales),
                "purchase_units": purchase_units,
                "purchase_revenue": purchase_revenue,
                "average_basket": ratio(purchase_revenue, len(bought), 4),
                "units_per_sale": ratio(purchase_units, len(bought), 3),
                "discount_share": ratio(discount, gross),
                "sales_by_hour": [hours[hour] for hour in range(HOURS)],
            }
        )
    return rows


TABLES = {"mart_daily_sales": mart_daily_sales, "mart_store_day": mart_store_day}
