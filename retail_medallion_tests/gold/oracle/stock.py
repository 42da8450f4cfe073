"""Stock movements, and what lies on the shelf at the end of each day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

from retail_medallion_tests.gold.oracle.arithmetic import ZERO, days, rounded
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World

COUNTS = {"count", "opening_balance"}
FLOWS = {
    "purchase_receipt": ("received", 1),
    "sale_issue": ("sold", -1),
    "customer_return": ("returned", 1),
    "transfer_in": ("transferred_in", 1),
    "transfer_out": ("transferred_out", -1),
    "write_off": ("written_off", -1),
}
"""Movement type to the column it adds to and its sign there; every other type is an adjustment."""


def fct_stock_movement(world: World) -> list[Row]:
    rows = []
    for id_, movement in world.live("stock_movements").items():
        is_count = movement["movement_type"] in COUNTS
        delta = None if is_count else movement["quantity"]
        unit_cost = movement["unit_cost"]
        rows.append(
            {
                "stock_movement_key": world.key("stock_movements", id_),
                "movement_date": movement["business_date"],
                "source_key": world.source_key,
                "stock_movement_id": id_,
                "product_key": world.key("products", movement["product_id"]),
                "location_key": world.key("inventory_locations", movement["location_id"]),
                "counterpart_location_key": world.key("inventory_locations", movement["counterpart_location_id"]),
                "supplier_key": world.key("suppliers", movement["supplier_id"]),
                "sale_id": movement["sale_id"],
                "movement_type": movement["movement_type"],
                "quantity_delta": delta,
                "counted_quantity": movement["quantity"] if is_count else None,
                "unit_cost": unit_cost,
                "currency_code": movement["currency_code"],
                "value_delta": None if delta is None or unit_cost is None else rounded(delta * unit_cost, 4),
                "occurred_at": movement["occurred_at"],
                "silver_partition": movement["winner_partition"],
            }
        )
    return rows


def _order(movement: Row) -> tuple[Any, ...]:
    return movement["movement_date"], movement["occurred_at"], movement["stock_movement_id"]


def _one_pair(world: World, movements: list[Row]) -> list[Row]:
    horizon = world.horizon
    if horizon is None:
        return []
    movements = sorted(movements, key=_order)
    first = max(movements[0]["movement_date"], world.silver.first_partition)
    on_hand = ZERO
    unit_cost = currency = last_sale = None
    rows = []
    waiting = [*movements]
    for day in days(min(first, movements[0]["movement_date"]), horizon - dt.timedelta(days=1)):
        flows: dict[str, Decimal] = defaultdict(Decimal)
        is_moved = False
        while waiting and waiting[0]["movement_date"] <= day:
            movement = waiting.pop(0)
            is_moved = True
            if movement["counted_quantity"] is not None:
                flows["adjusted"] += movement["counted_quantity"] - on_hand
                on_hand = movement["counted_quantity"]
            else:
                column, sign = FLOWS.get(movement["movement_type"], ("adjusted", 1))
                flows[column] += movement["quantity_delta"] * sign
                on_hand += movement["quantity_delta"]
            if movement["unit_cost"] is not None:
                unit_cost, currency = movement["unit_cost"], movement["currency_code"]
            if movement["movement_type"] == "sale_issue":
                last_sale = movement["movement_date"]
        if day < first or not (on_hand or is_moved):
            continue
        rows.append(
            {
                "product_key": movements[0]["product_key"],
                "location_key": movements[0]["location_key"],
                "snapshot_date": day,
                "source_key": world.source_key,
                "on_hand": on_hand,
                **{column: flows[column] for column, _ in FLOWS.values()},
                "adjusted": flows["adjusted"],
                "unit_cost": unit_cost,
                "currency_code": currency,
                "stock_value": None if unit_cost is None else rounded(on_hand * unit_cost, 4),
                "days_since_last_sale": None if last_sale is None else (day - last_sale).days,
                "is_stock_out": on_hand <= 0,
                "is_negative": on_hand < 0,
            }
        )
    return rows


def fct_inventory_daily(world: World) -> list[Row]:
    pairs: dict[tuple[Any, Any], list[Row]] = defaultdict(list)
    for movement in world.rows("fct_stock_movement"):
        pairs[movement["product_key"], movement["location_key"]].append(movement)
    return [row for movements in pairs.values() for row in _one_pair(world, movements)]


TABLES = {"fct_stock_movement": fct_stock_movement, "fct_inventory_daily": fct_inventory_daily}
