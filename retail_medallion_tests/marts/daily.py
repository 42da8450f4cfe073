"""What is added up per day: sales, places, money due and money moved."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd

from retail_medallion_tests.marts.documents import documents
from retail_medallion_tests.marts.exact import ZERO, ratio, total
from retail_medallion_tests.marts.frames import Retailer, Row, expected, grouped, only, summed

CENT = Decimal("0.01")


def mart_daily_sales(retailer: Retailer) -> pd.DataFrame:
    """Revenue lines per day, place, product, channel and currency."""
    _, lines = documents(retailer)
    rows = []
    for line in only(lines, lambda line: line["is_revenue"]):
        is_return, merchandise = line["line_type"] == "return", line["is_merchandise"]
        rows.append(
            {
                "sale_date": line["sale_date"],
                "location_key": retailer.key("inventory_locations", line["location_id"]),
                "product_key": retailer.key("products", line["product_id"]),
                "channel": line["channel"],
                "currency_code": line["currency"],
                "line_count": 1,
                "units": line["quantity"] if merchandise and not is_return else ZERO,
                "returned_units": returned_units(line),
                "gross_amount": line["gross"],
                "discount_amount": line["line_discount"] + line["share"],
                "net_revenue": line["net_revenue"],
                "tax_amount": line["tax"],
                "cost_amount": line["cost"] or ZERO,
                "margin_amount": line["margin"] or ZERO,
                "lines_without_cost": int(line["cost"] is None),
            }
        )
    return expected(retailer, summed(rows, ("sale_date", "location_key", "product_key", "channel", "currency_code")))


def returned_units(line: Row) -> Decimal:
    """Units that came back: what a return line takes back, or what the line counts itself."""
    if not line["is_merchandise"]:
        return ZERO
    return -line["quantity"] if line["line_type"] == "return" else line["returned_quantity"]


def mart_store_day(retailer: Retailer) -> pd.DataFrame:
    """Documents per day, place, channel and currency."""
    sales, _ = documents(retailer)
    counted = [
        {
            "location_key": retailer.key("inventory_locations", sale["location_id"]),
            "currency_code": sale["currency"],
            **sale,
        }
        for sale in only(sales, lambda sale: sale["is_revenue"])
    ]
    rows = []
    for key, group in grouped(counted, ("sale_date", "location_key", "channel", "currency_code")):
        bought = [sale for sale in group if sale["is_purchase"]]
        known = [sale["customer_id"] for sale in bought if sale["customer_id"] is not None]
        units, revenue = total(sale["units"] for sale in bought), total(sale["net_revenue"] for sale in bought)
        gross, discount = total(sale["gross"] for sale in group), total(sale["discount"] for sale in group)
        hours = [sale["sale_hour"] for sale in bought]
        rows.append(
            {
                **key,
                "sale_count": len(bought),
                "return_count": sum(sale["sale_type"] == "return" for sale in group),
                "identified_sales": len(known),
                "identified_customers": len(set(known)),
                "units": total(sale["units"] for sale in group),
                "gross_amount": gross,
                "discount_amount": discount,
                "net_revenue": total(sale["net_revenue"] for sale in group),
                "purchase_units": units,
                "purchase_revenue": revenue,
                "average_basket": ratio(revenue, len(bought), 4),
                "units_per_sale": ratio(units, len(bought), 3),
                "discount_share": ratio(discount, gross),
                "sales_by_hour": [hours.count(hour) for hour in range(24)],
            }
        )
    return expected(retailer, rows)


def mart_payment_reconciliation(retailer: Retailer) -> pd.DataFrame:
    """Completed documents: what is due against what was paid, per day, place and currency."""
    sales, _ = documents(retailer)
    rows = []
    for sale in only(sales, lambda sale: sale["is_revenue"] and sale["status"] == "completed"):
        difference = sale["paid"] - sale["refunded"] - sale["total"]
        rows.append(
            {
                "sale_date": sale["sale_date"],
                "location_key": retailer.key("inventory_locations", sale["location_id"]),
                "currency_code": sale["currency"],
                "sale_count": 1,
                "due_amount": sale["total"],
                "captured_amount": sale["paid"],
                "refunded_amount": sale["refunded"],
                "difference": difference,
                "underpaid_count": int(difference <= -CENT),
                "overpaid_count": int(difference >= CENT),
            }
        )
    return expected(retailer, summed(rows, ("sale_date", "location_key", "currency_code")))


def mart_daily_payments(retailer: Retailer) -> pd.DataFrame:
    """Money movements per day, tender and currency."""
    rows = []
    for payment in retailer.rows("payments"):
        is_attempt = payment["kind"] in {"payment", "capture", "authorisation"}
        succeeded, failed = payment["status"] == "succeeded", payment["status"] == "failed"
        signed = ZERO
        if succeeded and payment["kind"] in {"payment", "capture"}:
            signed = payment["amount"] - payment["change"]
        elif succeeded and payment["kind"] in {"refund", "chargeback"}:
            signed = -payment["amount"]
        rows.append(
            {
                "transaction_date": payment["date"],
                "payment_method_key": retailer.key("payment_methods", payment["method_id"]),
                "currency_code": payment["currency"],
                "transaction_count": 1,
                "captured_amount": max(signed, ZERO),
                "refunded_amount": max(-signed, ZERO),
                "net_amount": signed,
                "fee_amount": payment["fee"] or ZERO,
                "attempts": int(is_attempt and (succeeded or failed)),
                "failed": int(is_attempt and failed),
            }
        )
    table = summed(rows, ("transaction_date", "payment_method_key", "currency_code"))
    for row in table:
        row["failure_rate"] = ratio(row["failed"], row["attempts"])
    return expected(retailer, table)
