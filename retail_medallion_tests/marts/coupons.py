"""What coupons take off, and what the sales they are redeemed in are worth."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import pandas as pd

from retail_medallion_tests.marts.documents import COIN_DECIMALS, documents
from retail_medallion_tests.marts.exact import ZERO, decimals, mean, ratio, rounded, share_out, total
from retail_medallion_tests.marts.frames import Retailer, Row, expected, records

PRIOR = dt.timedelta(days=90)


def redemptions(retailer: Retailer) -> list[tuple[str, Row, Decimal]]:
    """Each coupon of each sale, with what it took off."""
    sales, lines = documents(retailer)
    named: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for line in records(lines):
        if line["coupon"] is not None:
            named[line["sale_id"]][line["coupon"]] += line["line_discount"]
    found = []
    for sale in records(sales):
        on_lines = named.get(sale["sale_id"], {})
        coupons = sorted({*sale["coupons"], *on_lines})
        if not coupons:
            continue
        left = sale["discount"] - (sale["line_discounts"] if on_lines else ZERO)
        sharing = [coupon for coupon in coupons if coupon not in on_lines] or coupons
        backwards = left < 0
        shares = share_out(abs(left), dict.fromkeys(sharing, 1), max(COIN_DECIMALS, decimals(left)))
        for coupon in coupons:
            share = shares.get(coupon, ZERO)
            found.append((coupon, sale, on_lines.get(coupon, ZERO) + (-share if backwards else share)))
    return found


def mart_coupon_effect(retailer: Retailer) -> pd.DataFrame:
    """The sales each coupon was redeemed in, month by month, beside those without any."""
    sales, _ = documents(retailer)
    purchases = [sale for sale in records(sales) if sale["is_purchase"]]
    used = redemptions(retailer)
    with_coupon = {sale["sale_id"] for _, sale, _ in used}
    peers: dict[tuple[object, ...], list[Decimal]] = defaultdict(list)
    of_customer: dict[str, list[Row]] = defaultdict(list)
    for sale in purchases:
        if sale["sale_id"] not in with_coupon:
            peers[_peer_group(sale)].append(sale["net_revenue"])
        if sale["customer_id"] is not None:
            of_customer[sale["customer_id"]].append(sale)
    first = {
        customer: min(own, key=lambda sale: (sale["sale_date"], sale["sold_at"], sale["sale_key"]))["sale_id"]
        for customer, own in of_customer.items()
    }
    groups: dict[tuple[str, dt.date, str], list[tuple[Row, Decimal]]] = defaultdict(list)
    for coupon, sale, discount in used:
        if sale["is_revenue"] and sale["sale_date"] < retailer.horizon:
            groups[coupon, _month(sale), sale["currency"]].append((sale, discount))
    without = {group: mean(values) for group, values in peers.items()}
    rows = []
    for (coupon, month, currency), own in groups.items():
        sold = [sale for sale, _ in own]
        known = [sale for sale in sold if sale["customer_id"] is not None]
        new = sum(first.get(sale["customer_id"]) == sale["sale_id"] for sale in known)
        peer_means = [without[_peer_group(sale)] for sale in sold if _peer_group(sale) in without]
        before = _prior(known, of_customer, currency)
        average = ratio(total(sale["net_revenue"] for sale in sold), len(sold), 4)
        compared = mean(value for value in peer_means if value is not None)
        rows.append(
            {
                "coupon_key": retailer.key("coupons", coupon),
                "month_start": month,
                "currency_code": currency,
                "redemptions": len(sold),
                "customers": len({sale["customer_id"] for sale in known}),
                "new_customer_share": ratio(new, len(known)),
                "discount_amount": total(discount for _, discount in own),
                "net_revenue": total(sale["net_revenue"] for sale in sold),
                "margin_amount": total(sale["margin"] for sale in sold),
                "average_order_with": average,
                "average_order_without": None if compared is None else rounded(compared, 4),
                "prior_90_average_order": None if before is None else rounded(before, 4),
                "uplift": None if before is None or average is None else average - rounded(before, 4),
            }
        )
    return expected(retailer, rows)


def _month(sale: Row) -> dt.date:
    return sale["sale_date"].replace(day=1)


def _peer_group(sale: Row) -> tuple[object, ...]:
    return _month(sale), sale["channel"], sale["currency"]


def _prior(redeemed: list[Row], of_customer: dict[str, list[Row]], currency: str) -> Fraction | None:
    """Mean of what the redeemers bought in the ninety days before their first redemption."""
    first_day: dict[str, dt.date] = {}
    for sale in redeemed:
        day = first_day.get(sale["customer_id"], sale["sale_date"])
        first_day[sale["customer_id"]] = min(day, sale["sale_date"])
    return mean(
        sale["net_revenue"]
        for customer, day in first_day.items()
        for sale in of_customer[customer]
        if sale["currency"] == currency and day - PRIOR <= sale["sale_date"] < day
    )
