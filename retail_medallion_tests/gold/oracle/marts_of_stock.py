"""Stock by the week: how it sells, how long it lasts, how old it is."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from retail_medallion_tests.gold.oracle.arithmetic import ZERO, days, ratio, rounded, total, week_of
from retail_medallion_tests.gold.oracle.silver import Row
from retail_medallion_tests.gold.oracle.world import World

WEEKS = 26
ONE_DAY = dt.timedelta(days=1)
SELLING_DAYS = 28
AGED = 90

Pair = tuple[Any, Any]


def _row(world: World, week: dt.date, pair: Pair, shelf: dict[dt.date, Row], last: dt.date) -> Row | None:
    in_week = [shelf[day] for day in days(week, week + 6 * ONE_DAY) if day in shelf]
    if not in_week:
        return None
    end = min(week + 6 * ONE_DAY, last)
    at_end: Row = shelf.get(end, {})
    closing = at_end.get("on_hand", ZERO)
    opening = shelf.get(week - ONE_DAY, {}).get("on_hand", ZERO)
    received = total(row["received"] + row["returned"] + row["transferred_in"] for row in in_week)
    sold = total(row["sold"] for row in in_week)
    recently = total(shelf[day]["sold"] for day in days(end - (SELLING_DAYS - 1) * ONE_DAY, end) if day in shelf)
    covered = days(max(week, world.silver.first_partition), end)
    silence = at_end.get("days_since_last_sale")
    return {
        "source_key": world.source_key,
        "week_start": week,
        "product_key": pair[0],
        "location_key": pair[1],
        "opening_quantity": opening,
        "received_quantity": received,
        "sold_quantity": sold,
        "closing_quantity": closing,
        "sell_through": ratio(sold, opening + received) if opening + received > 0 else None,
        "cover_days": rounded(Fraction(closing) * SELLING_DAYS / Fraction(recently), 1) if recently else None,
        "stock_out_days": len(covered) - sum(row["on_hand"] > 0 for row in in_week),
        "stock_value": at_end.get("stock_value"),
        "currency_code": at_end.get("currency_code"),
        "is_aged": closing > 0 and silence is not None and silence > AGED,
    }


def _classes(rows: list[Row]) -> dict[Any, str]:
    """Product to its class by the units it sold."""
    sold: dict[Any, Decimal] = defaultdict(Decimal)
    for row in rows:
        sold[row["product_key"]] += row["sold_quantity"]
    everything = total(sold.values())
    before = ZERO
    found = {}
    for product in sorted(sold, key=lambda p: (-sold[p], p)):
        share = Fraction(before) / Fraction(everything) if everything else Fraction(1)
        a_or_b = "A" if share < Fraction(8, 10) else "B" if share < Fraction(95, 100) else "C"
        found[product] = a_or_b if sold[product] else "C"
        before += sold[product]
    return found


def mart_inventory_health(world: World) -> list[Row]:
    if world.horizon is None:
        return []
    last = world.horizon - ONE_DAY
    shelves: dict[Pair, dict[dt.date, Row]] = defaultdict(dict)
    for row in world.rows("fct_inventory_daily"):
        shelves[row["product_key"], row["location_key"]][row["snapshot_date"]] = row
    weeks = [week_of(last) - 7 * n * ONE_DAY for n in range(WEEKS)]
    found = [_row(world, week, pair, shelf, last) for pair, shelf in shelves.items() for week in weeks]
    rows = [row for row in found if row is not None]
    classes = _classes(rows)
    return [{**row, "abc_class": classes[row["product_key"]]} for row in rows]


TABLES = {"mart_inventory_health": mart_inventory_health}
