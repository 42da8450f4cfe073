"""Shipments, pick-ups and hand-overs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

from retail_medallion_tests.gold.oracle.arithmetic import rounded, total
from retail_medallion_tests.gold.oracle.sales import lines_of
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World, first_known

MILESTONES = ("created", "promised", "picked", "packed", "shipped", "delivered", "returned", "cancelled")


def _hours(start: dt.datetime | None, end: dt.datetime | None) -> Decimal | None:
    if start is None or end is None:
        return None
    return rounded(Fraction((end - start) // dt.timedelta(microseconds=1), 3_600_000_000), 2)


def _ordered(world: World, fulfilment: Row) -> Decimal | None:
    """How much was ordered of what it delivers: of the lines it names, else of all goods of its sale."""
    lines = lines_of(world, fulfilment["sale_id"])
    if fulfilment["lines"]:
        named = {line["sale_item_id"] for line in fulfilment["lines"]}
    elif fulfilment["sale_item_id"] is not None:
        named = {fulfilment["sale_item_id"]}
    else:
        named = {id_ for id_, line in lines.items() if line["line_type"] == "sale"}
    found = [line["quantity"] for id_, line in lines.items() if id_ in named]
    return total(found) if found else None


def fct_fulfilment(world: World) -> list[Row]:
    rows = []
    for id_, row in world.live("sale_fulfilments").items():
        if world.is_of_a_test(row["sale_id"]):
            continue
        sale = world.sale(row["sale_id"]) or {}
        at = {milestone: row[f"{milestone}_at"] for milestone in MILESTONES}
        stated = total(Decimal(str(line["quantity"])) for line in row["lines"]) if row["lines"] else None
        quantity = first_known(row["quantity"], stated)
        ordered = _ordered(world, row)
        delivered, promised = at["delivered"], at["promised"]
        is_known = delivered is not None and quantity is not None and ordered is not None
        rows.append(
            {
                "fulfilment_key": world.key("sale_fulfilments", id_),
                "source_key": world.source_key,
                "sale_fulfilment_id": id_,
                "sale_key": world.sale_key(row["sale_id"]),
                "customer_key": world.key("customers", sale.get("customer_id")),
                "location_key": world.key(
                    "inventory_locations", first_known(row["location_id"], sale.get("location_id"))
                ),
                "fulfilment_type": row["fulfilment_type"],
                "status": row["status"],
                "carrier": row["carrier"],
                "service_level": row["service_level"],
                "destination_country_code": row["destination_country_code"],
                **{f"{milestone}_date": world.local_date(instant) for milestone, instant in at.items()},
                "hours_to_pick": _hours(at["created"], at["picked"]),
                "hours_to_ship": _hours(at["created"], at["shipped"]),
                "hours_in_transit": _hours(at["shipped"], delivered),
                "hours_to_deliver": _hours(at["created"], delivered),
                "hours_vs_promise": _hours(promised, delivered),
                "quantity": quantity,
                "ordered_quantity": ordered,
                "is_on_time": None if delivered is None or promised is None else delivered <= promised,
                "is_in_full": quantity >= ordered if is_known else None,
                "shipping_cost": row["shipping_cost"],
                "currency_code": row["currency_code"],
                "attempt_count": row["attempt_count"],
                "silver_partition": row["winner_partition"],
            }
        )
    return rows


TABLES = {"fct_fulfilment": fct_fulfilment}
