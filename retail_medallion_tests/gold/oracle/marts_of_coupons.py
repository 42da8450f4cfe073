"""What coupons go with; descriptive, not causal."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from fractions import Fraction
from typing import Any

from retail_medallion_tests.gold.oracle.arithmetic import month_of, ratio, rounded, total
from retail_medallion_tests.gold.oracle.marts_of_sales import purchases
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import NIL, World

QUARTER = dt.timedelta(days=90)


def _average(sales: list[Row]) -> Fraction:
    return Fraction(total(sale["net_revenue"] for sale in sales)) / len(sales)


def _first_purchases(world: World) -> dict[Any, Any]:
    """Customer to the key of their first purchase."""
    found: dict[Any, Any] = {}
    for sale in sorted(purchases(world), key=lambda s: (s["sale_date"], s["sold_at"], s["sale_key"])):
        found.setdefault(sale["customer_key"], sale["sale_key"])
    return found


def _without(world: World, redeemed_with: set[Any], sale: Row) -> Fraction | None:
    """Average of the purchases without any coupon in the same month, channel and currency."""
    peers = [
        p
        for p in purchases(world)
        if p["sale_key"] not in redeemed_with
        and month_of(p["sale_date"]) == month_of(sale["sale_date"])
        and p["channel"] == sale["channel"]
        and p["currency_code"] == sale["currency_code"]
    ]
    return _average(peers) if peers else None


def _prior(world: World, redemptions: list[Row], currency: str) -> list[Row]:
    """What the redeemers bought in the 90 days before they first redeemed the coupon in the month."""
    first: dict[Any, dt.date] = {}
    for row in redemptions:
        who = row["customer_key"]
        if who != NIL:
            first[who] = min(row["redemption_date"], first.get(who, row["redemption_date"]))
    return [
        p
        for p in purchases(world)
        if p["customer_key"] in first
        and p["currency_code"] == currency
        and first[p["customer_key"]] - QUARTER <= p["sale_date"] < first[p["customer_key"]]
    ]


def mart_coupon_effect(world: World) -> list[Row]:
    horizon = world.horizon
    if horizon is None:
        return []
    sales = {sale["sale_key"]: sale for sale in world.rows("fct_sale")}
    all_ = world.rows("fct_coupon_redemption")
    redeemed_with = {row["sale_key"] for row in all_}
    firsts = _first_purchases(world)
    groups: dict[tuple[Any, dt.date, str], list[Row]] = defaultdict(list)
    for row in all_:
        if row["is_revenue"] and row["redemption_date"] < horizon:
            groups[row["coupon_key"], month_of(row["redemption_date"]), row["currency_code"]].append(row)
    rows = []
    for (coupon, month, currency), found in groups.items():
        named = [row for row in found if row["customer_key"] != NIL]
        new = sum(firsts.get(row["customer_key"]) == row["sale_key"] for row in named)
        revenue = total(sales[row["sale_key"]]["net_revenue"] for row in found)
        margins = [sales[row["sale_key"]]["margin_amount"] for row in found]
        without = [_without(world, redeemed_with, sales[row["sale_key"]]) for row in found]
        compared = [each for each in without if each is not None]
        prior = _prior(world, found, currency)
        with_it = ratio(revenue, len(found), 4)
        before = rounded(_average(prior), 4) if prior else None
        rows.append(
            {
                "source_key": world.source_key,
                "coupon_key": coupon,
                "month_start": month,
                "currency_code": currency,
                "redemptions": len(found),
                "customers": len({row["customer_key"] for row in named}),
                "new_customer_share": ratio(new, len(named)),
                "discount_amount": total(row["discount_amount"] for row in found),
                "net_revenue": revenue,
                "margin_amount": total(margin for margin in margins if margin is not None),
                "average_order_with": with_it,
                "average_order_without": rounded(sum(compared, Fraction(0)) / len(compared), 4) if compared else None,
                "prior_90_average_order": before,
                "uplift": None if before is None or with_it is None else with_it - before,
            }
        )
    return rows


TABLES = {"mart_coupon_effect": mart_coupon_effect}
