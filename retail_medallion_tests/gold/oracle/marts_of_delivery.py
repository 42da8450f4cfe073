"""How well deliveries are kept."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil

from retail_medallion_tests.gold.oracle.arithmetic import ratio
from retail_medallion_tests.gold.oracle.marts_of_sales import grouped
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World


def percentile(values: Sequence[Decimal | None], share: Fraction) -> Decimal | None:
    """The smallest value that at least this share of the values does not exceed."""
    known = sorted(value for value in values if value is not None)
    return known[max(ceil(share * len(known)), 1) - 1] if known else None


def mart_fulfilment_service(world: World) -> list[Row]:
    grain = ("source_key", "created_date", "location_key", "carrier", "fulfilment_type")
    all_ = [{**row, "carrier": row["carrier"] or "unknown"} for row in world.rows("fct_fulfilment")]
    rows = []
    for key, found in grouped(all_, *grain).items():
        arrived = [row for row in found if row["delivered_date"] is not None]
        judged = [row for row in arrived if row["is_on_time"] is not None and row["is_in_full"] is not None]
        both = sum(row["is_on_time"] and row["is_in_full"] for row in judged)
        is_open = [
            row
            for row in found
            if row["delivered_date"] is None
            and row["status"] not in {"failed", "cancelled", "returned"}
            and row["returned_date"] is None
            and row["cancelled_date"] is None
        ]
        horizon = world.horizon
        rows.append(
            {
                **dict(zip(grain, key, strict=True)),
                "fulfilments": len(found),
                "delivered": len(arrived),
                "on_time": sum(row["is_on_time"] is True for row in arrived),
                "late": sum(row["is_on_time"] is False for row in arrived),
                "in_full": sum(row["is_in_full"] is True for row in arrived),
                "on_time_in_full": both,
                "otif_rate": ratio(both, len(judged)),
                "failed": sum(row["status"] == "failed" for row in found),
                "cancelled": sum(row["status"] == "cancelled" or row["cancelled_date"] is not None for row in found),
                "returned": sum(row["status"] == "returned" or row["returned_date"] is not None for row in found),
                "open_fulfilments": len(is_open),
                "open_overdue": sum(
                    horizon is not None and row["promised_date"] is not None and row["promised_date"] < horizon
                    for row in is_open
                ),
                **{
                    f"{name}_{column}": percentile([row[column] for row in found], share)
                    for column in ("hours_to_ship", "hours_in_transit", "hours_to_deliver")
                    for name, share in (("median", Fraction(1, 2)), ("p90", Fraction(9, 10)))
                },
            }
        )
    return rows


TABLES = {"mart_fulfilment_service": mart_fulfilment_service}
