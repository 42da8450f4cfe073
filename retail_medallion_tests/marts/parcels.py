"""Whether goods arrive when they were promised, and all of them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import pandas as pd

from retail_medallion_tests.marts.exact import ratio, rounded, total
from retail_medallion_tests.marts.frames import Retailer, Row, expected, grouped

KEYS = ("created_date", "location_key", "carrier", "fulfilment_type")
STAGES = {
    "hours_to_ship": ("created_at", "shipped_at"),
    "hours_in_transit": ("shipped_at", "delivered_at"),
    "hours_to_deliver": ("created_at", "delivered_at"),
}
PERCENTILES = {"median": Fraction(1, 2), "p90": Fraction(9, 10)}
MICROSECONDS_OF_AN_HOUR = 3_600_000_000


def mart_fulfilment_service(retailer: Retailer) -> pd.DataFrame:
    """Fulfilments per day they were asked for, place, carrier and kind."""
    places = {sale["sale_id"]: sale["location_id"] for sale in retailer.rows("sales")}
    of_sale: dict[str, list[Row]] = defaultdict(list)
    for line in retailer.rows("lines"):
        of_sale[line["sale_id"]].append(line)
    made = [_parcel(retailer, parcel, places, of_sale[parcel["sale_id"]]) for parcel in retailer.rows("parcels")]
    return expected(retailer, ({**key, **_service(retailer, group)} for key, group in grouped(made, KEYS)))


def _parcel(retailer: Retailer, parcel: Row, places: dict[str, str], lines: list[Row]) -> Row:
    delivered, promised = parcel["delivered_at"], parcel["promised_at"]
    ordered = _ordered(parcel, lines)
    quantity = parcel["quantity"]
    if quantity is None and parcel["contents"] is not None:
        quantity = total(parcel["contents"].values())
    return {
        "created_date": retailer.local_date(parcel["created_at"]),
        "location_key": retailer.key("inventory_locations", parcel["location_id"] or places.get(parcel["sale_id"])),
        "carrier": parcel["carrier"] or "unknown",
        "fulfilment_type": parcel["kind"],
        "status": parcel["status"],
        "promised_date": retailer.local_date(promised),
        "delivered": delivered is not None,
        "is_cancelled": parcel["status"] == "cancelled" or parcel["cancelled_at"] is not None,
        "is_returned": parcel["status"] == "returned" or parcel["returned_at"] is not None,
        "is_on_time": None if delivered is None or promised is None else delivered <= promised,
        "is_in_full": None if delivered is None or ordered is None or quantity is None else quantity >= ordered,
        **{name: _hours(parcel[start], parcel[end]) for name, (start, end) in STAGES.items()},
    }


def _ordered(parcel: Row, lines: list[Row]) -> Decimal | None:
    """Units of the lines the parcel names; of all lines sold, if it names none."""
    if parcel["contents"] is not None:
        named = [line for line in lines if line["line_id"] in parcel["contents"]]
    elif parcel["line_id"] is not None:
        named = [line for line in lines if line["line_id"] == parcel["line_id"]]
    else:
        named = [line for line in lines if line["line_type"] == "sale"]
    return total(line["quantity"] for line in named) if named else None


def _hours(start: dt.datetime | None, end: dt.datetime | None) -> Decimal | None:
    if start is None or end is None:
        return None
    return rounded(Fraction((end - start) // dt.timedelta(microseconds=1), MICROSECONDS_OF_AN_HOUR), 2)


def _service(retailer: Retailer, group: list[Row]) -> Row:
    def count(wanted: list[bool]) -> int:
        return sum(wanted)

    known = [row for row in group if row["is_on_time"] is not None and row["is_in_full"] is not None]
    both = count([row["is_on_time"] and row["is_in_full"] for row in known])
    over = ("delivered", "is_cancelled", "is_returned")
    still_open = [row for row in group if row["status"] != "failed" and not any(row[name] for name in over)]
    return {
        "fulfilments": len(group),
        "delivered": count([row["delivered"] for row in group]),
        "on_time": count([row["is_on_time"] is True for row in group]),
        "late": count([row["is_on_time"] is False for row in group]),
        "in_full": count([row["is_in_full"] is True for row in group]),
        "on_time_in_full": both,
        "otif_rate": ratio(both, len(known)),
        "failed": count([row["status"] == "failed" for row in group]),
        "cancelled": count([row["is_cancelled"] for row in group]),
        "returned": count([row["is_returned"] for row in group]),
        "open_fulfilments": len(still_open),
        "open_overdue": count(
            [row["promised_date"] is not None and row["promised_date"] < retailer.horizon for row in still_open]
        ),
        **{
            f"{name}_{stage}": _percentile([row[stage] for row in group], fraction)
            for stage in STAGES
            for name, fraction in PERCENTILES.items()
        },
    }


def _percentile(values: list[Decimal | None], fraction: Fraction) -> Decimal | None:
    """The smallest value that at least this fraction of the known values does not exceed."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    place = -(-fraction * len(known) // 1)
    return known[max(int(place), 1) - 1]
