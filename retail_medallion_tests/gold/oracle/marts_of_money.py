"""Payments per day, and whether documents were paid."""

from __future__ import annotations

from decimal import Decimal

from retail_medallion_tests.gold.oracle.arithmetic import ZERO, minor_digits, ratio, total
from retail_medallion_tests.gold.oracle.marts_of_sales import documents, grouped
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World

ATTEMPTED = {"payment", "capture", "authorisation"}


def mart_payment_reconciliation(world: World) -> list[Row]:
    grain = ("source_key", "sale_date", "location_key", "currency_code")
    completed = [sale for sale in documents(world) if sale["status"] == "completed"]
    rows = []
    for key, sales in grouped(completed, *grain).items():
        off = [sale["paid_amount"] - sale["refunded_amount"] - sale["total_amount"] for sale in sales]
        coin = Decimal(1).scaleb(-minor_digits(sales[0]["currency_code"]))
        due, captured, refunded = (
            total(sale[column] for sale in sales) for column in ("total_amount", "paid_amount", "refunded_amount")
        )
        rows.append(
            {
                **dict(zip(grain, key, strict=True)),
                "sale_count": len(sales),
                "due_amount": due,
                "captured_amount": captured,
                "refunded_amount": refunded,
                "difference": captured - refunded - due,
                "underpaid_count": sum(each <= -coin for each in off),
                "overpaid_count": sum(each >= coin for each in off),
            }
        )
    return rows


def mart_daily_payments(world: World) -> list[Row]:
    grain = ("source_key", "transaction_date", "payment_method_key", "currency_code")
    rows = []
    for key, movements in grouped(world.rows("fct_transaction"), *grain).items():
        amounts = [movement["signed_amount"] for movement in movements]
        tried = [
            movement["status"]
            for movement in movements
            if movement["transaction_type"] in ATTEMPTED and movement["status"] in {"succeeded", "failed"}
        ]
        failed = tried.count("failed")
        rows.append(
            {
                **dict(zip(grain, key, strict=True)),
                "transaction_count": len(movements),
                "captured_amount": total(amount for amount in amounts if amount > 0),
                "refunded_amount": -total(amount for amount in amounts if amount < 0),
                "net_amount": total(amounts),
                "fee_amount": total(movement["fee_amount"] or ZERO for movement in movements),
                "attempts": len(tried),
                "failed": failed,
                "failure_rate": ratio(failed, len(tried)),
            }
        )
    return rows


TABLES = {
    "mart_payment_reconciliation": mart_payment_reconciliation,
    "mart_daily_payments": mart_daily_payments,
}
