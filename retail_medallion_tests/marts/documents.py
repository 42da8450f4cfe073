"""Sale documents and their lines with signed amounts, the discount of the whole sale shared out over the lines."""

from __future__ import annotations

import functools
from collections import defaultdict
from decimal import Decimal

import pandas as pd

from retail_medallion_tests.marts.exact import ZERO, decimals, rounded, share_out, total
from retail_medallion_tests.marts.frames import Retailer, Row, frame

NOT_MERCHANDISE = {"shipping", "fee", "deposit"}
NO_REVENUE = {"shipping", "deposit", "gift_card"}
NEEDS_COST = {"sale", "return", "unknown"}
NOT_COUNTED = {"draft", "cancelled"}
PURCHASES = {"sale", "exchange"}
COIN_DECIMALS = 2
"""Euros, pounds and dollars have cents."""

SALE = (
    *("sale_id", "sale_key", "sale_type", "channel", "status", "sale_date", "sold_at", "sale_hour"),
    *("customer_id", "location_id", "currency", "units", "gross", "discount", "total", "net_revenue", "margin"),
    *("direction", "line_discounts", "is_purchase", "is_revenue", "coupons", "paid", "refunded"),
)
LINE = (
    *("line_id", "sale_id", "sale_date", "channel", "currency", "customer_id", "line_type", "product_id"),
    *("location_id", "coupon", "quantity", "returned_quantity", "gross", "line_discount", "share", "tax"),
    *("net_revenue", "cost", "margin", "is_revenue", "is_merchandise"),
)


@functools.cache
def documents(retailer: Retailer) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All sales that count, cancelled ones too, and all their lines."""
    of_sale: dict[str, list[Row]] = defaultdict(list)
    for line in retailer.rows("lines"):
        of_sale[line["sale_id"]].append(line)
    money: dict[str, list[Row]] = defaultdict(list)
    for payment in retailer.rows("payments"):
        money[payment["sale_id"]].append(payment)
    sales, lines = [], []
    for sale in retailer.rows("sales"):
        own, direction = _lines(sale, of_sale[sale["sale_id"]])
        lines += own
        sales.append(_sale(retailer, sale, own, direction) | _paid(sale, money[sale["sale_id"]]))
    return frame(sales, SALE), frame(lines, LINE)


def counts(sale: Row) -> bool:
    """Whether the sale is revenue: neither a draft nor cancelled."""
    return sale["status"] not in NOT_COUNTED


def _lines(sale: Row, lines: list[Row]) -> tuple[list[Row], int]:
    signs = {line["line_id"]: -1 if line["line_type"] == "return" else 1 for line in lines}
    gross = {line["line_id"]: -abs(line["gross"]) if line["line_type"] == "return" else line["gross"] for line in lines}
    balance = total(gross.values())
    # A document whose lines cancel out goes the way it says itself.
    backwards = balance < 0 if balance else sale["sale_type"] == "return" or sale["total"] < 0
    direction = -1 if backwards else 1
    rest = max(sale["discount"] - total(line["discount"] for line in lines), ZERO)
    weights = {
        line["line_id"]: max(int(gross[line["line_id"]] * direction * 10_000), 0)
        if line["line_type"] not in NOT_MERCHANDISE
        else 0
        for line in lines
    }
    shares = share_out(rest, weights, max(COIN_DECIMALS, decimals(rest))) if lines else {}
    made = []
    for line in lines:
        id_, kind = line["line_id"], line["line_type"]
        sign = signs[id_]
        discount, share = line["discount"] * sign, shares[id_] * direction
        tax = -abs(line["tax"]) if sign < 0 else line["tax"]
        net = gross[id_] - discount - share - (tax if sale["tax_included"] else ZERO)
        net = ZERO if kind in NO_REVENUE else net
        cost = _cost(line, sign)
        made.append(
            {
                **{name: sale[name] for name in ("sale_id", "sale_date", "channel", "currency", "customer_id")},
                **{name: line[name] for name in ("line_id", "line_type", "product_id", "coupon", "returned_quantity")},
                "location_id": line["location_id"] or sale["location_id"],
                "quantity": line["quantity"] * sign,
                "gross": gross[id_],
                "line_discount": discount,
                "share": share,
                "tax": tax,
                "net_revenue": net,
                "cost": cost,
                "margin": None if cost is None else net - cost,
                "is_revenue": counts(sale),
                "is_merchandise": kind not in NOT_MERCHANDISE,
            }
        )
    return made, direction


def _cost(line: Row, sign: int) -> Decimal | None:
    if line["unit_cost"] is None:
        return None if line["line_type"] in NEEDS_COST else ZERO
    return rounded(line["quantity"] * line["unit_cost"], 4) * sign


def _sale(retailer: Retailer, sale: Row, lines: list[Row], direction: int) -> Row:
    net = total(line["net_revenue"] for line in lines)
    if not lines:
        net = sale["total"] - sale["tax"] - sale["shipping"] - sale["other"]
    gross = total(line["gross"] for line in lines) if sale["subtotal"] is None else sale["subtotal"]
    costs_known = lines and all(line["cost"] is not None for line in lines)
    return {
        **{name: sale[name] for name in SALE if name in sale},
        "sale_key": retailer.key("sales", sale["sale_id"]),
        "sale_hour": sale["sold_at"].astimezone(retailer.zone).hour,
        "units": total(line["quantity"] for line in lines if line["is_merchandise"]),
        "gross": gross,
        "discount": sale["discount"] * direction,
        "net_revenue": net,
        "margin": net - total(line["cost"] for line in lines) if costs_known else None,
        "direction": direction,
        "line_discounts": total(line["line_discount"] for line in lines),
        "is_revenue": counts(sale),
        "is_purchase": counts(sale) and sale["sale_type"] in PURCHASES,
    }


def _paid(sale: Row, payments: list[Row]) -> Row:
    settled = [p for p in payments if p["status"] == "succeeded" and p["currency"] == sale["currency"]]
    return {
        "paid": total(p["amount"] - p["change"] for p in settled if p["kind"] in {"payment", "capture"}),
        "refunded": total(p["amount"] for p in settled if p["kind"] in {"refund", "chargeback"}),
    }
