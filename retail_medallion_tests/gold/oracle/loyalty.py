"""Changes of points balances."""

from __future__ import annotations

from retail_medallion_tests.gold.oracle.arithmetic import ZERO
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World, first_known


def fct_loyalty_transaction(world: World) -> list[Row]:
    rows = []
    for id_, change in world.live("loyalty_transactions").items():
        sale = world.sale(change["sale_id"]) or {}
        customer = first_known(change["customer_id"], sale.get("customer_id"))
        location = first_known(change["location_id"], sale.get("location_id"))
        kind, points = change["transaction_type"], change["points"]
        rows.append(
            {
                "loyalty_transaction_key": world.key("loyalty_transactions", id_),
                "source_key": world.source_key,
                "loyalty_transaction_id": id_,
                "customer_key": world.key("customers", customer),
                "sale_key": world.sale_key(change["sale_id"]),
                "sale_id": change["sale_id"],
                "location_key": world.key("inventory_locations", location),
                "programme_code": change["programme_code"],
                "account_id": change["loyalty_account_id"],
                "transaction_type": kind,
                "transaction_date": change["business_date"],
                "occurred_at": change["occurred_at"],
                "points": points,
                "points_earned": points if kind in {"earn", "bonus"} else ZERO,
                "points_redeemed": -points if kind == "redeem" else ZERO,
                "points_expired": -points if kind == "expire" else ZERO,
                "monetary_value": change["monetary_value"],
                "currency_code": change["currency_code"],
                "silver_partition": change["winner_partition"],
            }
        )
    return rows


TABLES = {"fct_loyalty_transaction": fct_loyalty_transaction}
