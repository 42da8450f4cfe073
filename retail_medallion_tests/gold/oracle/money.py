"""Money movements."""

from __future__ import annotations

from decimal import Decimal

from retail_medallion_tests.gold.oracle.arithmetic import ZERO
from retail_medallion_tests.gold.oracle.sales import PAID_IN, PAID_OUT
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World, first_known


def signed(movement: Row) -> Decimal:
    """What the retailer gains by it."""
    if movement["status"] != "succeeded":
        return ZERO
    if movement["transaction_type"] in PAID_IN:
        return movement["amount"] - movement["change_amount"]
    return -movement["amount"] if movement["transaction_type"] in PAID_OUT else ZERO


def fct_transaction(world: World) -> list[Row]:
    rows = []
    for id_, movement in world.live("transactions").items():
        if world.is_of_a_test(movement["sale_id"]):
            continue
        sale = world.sale(movement["sale_id"]) or {}
        customer = first_known(movement["customer_id"], sale.get("customer_id"))
        location = first_known(movement["location_id"], sale.get("location_id"))
        rows.append(
            {
                "transaction_key": world.key("transactions", id_),
                "source_key": world.source_key,
                "transaction_id": id_,
                "sale_key": world.sale_key(movement["sale_id"]),
                "sale_id": movement["sale_id"],
                "payment_method_key": world.key("payment_methods", movement["payment_method_id"]),
                "customer_key": world.key("customers", customer),
                "location_key": world.key("inventory_locations", location),
                "transaction_type": movement["transaction_type"],
                "status": movement["status"],
                "transaction_date": movement["business_date"],
                "occurred_at": movement["occurred_at"],
                "settled_at": movement["settled_at"],
                "currency_code": movement["currency_code"],
                "amount": movement["amount"],
                "signed_amount": signed(movement),
                "fee_amount": movement["fee_amount"],
                "instalments": movement["instalments"],
                "silver_partition": movement["winner_partition"],
            }
        )
    return rows


TABLES = {"fct_transaction": fct_transaction}
