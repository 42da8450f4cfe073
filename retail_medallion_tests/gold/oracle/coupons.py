"""Coupons redeemed in sale documents."""

from __future__ import annotations

from decimal import Decimal

from retail_medallion_tests.gold.oracle.arithmetic import ZERO, minor_digits, scale, share_equally
from retail_medallion_tests.gold.oracle.sales import NOT_YET_SOLD, counted, direction, lines_of, sign
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World


def shares(sale: Row, lines: dict[str, Row]) -> dict[str, Decimal]:
    """Coupon to its part of the sale's discount."""
    coupons = set(sale["coupon_ids"] or ())
    on_lines: dict[str, Decimal] = {}
    discount = sale["discount_amount"] * direction(sale, lines)
    unstated = discount
    for line in lines.values():
        own = line["discount_amount"] * sign(line)
        unstated -= own
        if line["coupon_id"] is not None:
            on_lines[line["coupon_id"]] = on_lines.get(line["coupon_id"], ZERO) + own
    coupons |= set(on_lines)
    if not coupons:
        return {}
    shared = unstated if on_lines else discount
    names = sorted(coupons - set(on_lines)) or sorted(coupons)
    digits = max(minor_digits(sale["currency_code"]), scale(shared))
    parts = share_equally(shared, names, digits)
    return {coupon: on_lines.get(coupon, ZERO) + parts.get(coupon, ZERO) for coupon in coupons}


def fct_coupon_redemption(world: World) -> list[Row]:
    return [
        {
            "sale_key": world.key("sales", id_),
            "coupon_key": world.key("coupons", coupon),
            "source_key": world.source_key,
            "redemption_date": sale["business_date"],
            "customer_key": world.key("customers", sale["customer_id"]),
            "channel": sale["channel"],
            "currency_code": sale["currency_code"],
            "discount_amount": share,
            "sale_total": sale["total_amount"],
            "is_revenue": sale["status"] not in NOT_YET_SOLD,
            "silver_partition": sale["winner_partition"],
        }
        for id_, sale in counted(world).items()
        for coupon, share in shares(sale, lines_of(world, id_)).items()
    ]


TABLES = {"fct_coupon_redemption": fct_coupon_redemption}
