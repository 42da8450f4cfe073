"""Stock at the end of each day, and how healthy it was week by week."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import pandas as pd

from retail_medallion_tests.marts.exact import ZERO, ratio, rounded, total
from retail_medallion_tests.marts.frames import Retailer, Row, expected

LEVELS = {"count", "opening_balance"}
FLOWS = {
    "purchase_receipt": ("received", 1),
    "sale_issue": ("sold", -1),
    "customer_return": ("returned", 1),
    "transfer_in": ("transferred_in", 1),
    "transfer_out": ("transferred_out", -1),
    "write_off": ("written_off", -1),
}
"""Which column a movement is counted in, and with which sign; all others adjust."""
NAMES = ("received", "sold", "returned", "transferred_in", "transferred_out", "adjusted", "written_off")
WEEKS, COVER_DAYS, AGED_DAYS = 26, 28, 90
ONE_DAY = dt.timedelta(days=1)
A_UNTIL, B_UNTIL = Decimal("0.8"), Decimal("0.95")

Pair = tuple[str, str]


@dataclass
class Day:
    """One product at one place at the end of one day."""

    on_hand: Decimal
    flows: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(NAMES, ZERO))
    unit_cost: Decimal | None = None
    currency: str | None = None
    last_sale: dt.date | None = None
    moved: bool = False

    @property
    def is_kept(self) -> bool:
        """Days of nothing on hand and nothing moved have no row."""
        return self.moved or self.on_hand != 0


def stock_days(retailer: Retailer) -> dict[Pair, dict[dt.date, Day]]:
    """Every day of every product at every place it was ever moved at, from the first partition on."""
    of_pair: dict[Pair, list[Row]] = defaultdict(list)
    for move in retailer.rows("movements"):
        of_pair[move["product_id"], move["location_id"]].append(move)
    return {pair: _days(retailer, moves) for pair, moves in of_pair.items()}


def _days(retailer: Retailer, moves: list[Row]) -> dict[dt.date, Day]:
    moves = sorted(moves, key=lambda move: (move["date"], move["occurred_at"], move["movement_id"].encode()))
    by_day: dict[dt.date, list[Row]] = defaultdict(list)
    for move in moves:
        by_day[move["date"]].append(move)
    made: dict[dt.date, Day] = {}
    first, at = max(moves[0]["date"], retailer.first_day), moves[0]["date"]
    before = Day(ZERO)
    while at < retailer.horizon:
        today = Day(before.on_hand, unit_cost=before.unit_cost, currency=before.currency, last_sale=before.last_sale)
        for move in by_day[at]:
            _book(today, move)
        if at >= first:
            made[at] = today
        before, at = today, at + ONE_DAY
    return made


def _book(day: Day, move: Row) -> None:
    kind, quantity = move["kind"], move["quantity"]
    change = quantity - day.on_hand if kind in LEVELS else quantity
    name, sign = FLOWS.get(kind, ("adjusted", 1))
    day.flows[name] += change * sign
    day.on_hand += change
    day.moved = True
    if kind == "sale_issue":
        day.last_sale = move["date"]
    if move["unit_cost"] is not None:
        day.unit_cost = move["unit_cost"]
    if move["currency"] is not None:
        day.currency = move["currency"]


def fct_inventory_daily(retailer: Retailer) -> pd.DataFrame:
    """The days with something on hand or a movement."""
    rows = []
    for (product, place), days in stock_days(retailer).items():
        for at, day in days.items():
            if not day.is_kept:
                continue
            rows.append(
                {
                    "product_key": retailer.key("products", product),
                    "location_key": retailer.key("inventory_locations", place),
                    "snapshot_date": at,
                    "on_hand": day.on_hand,
                    **day.flows,
                    "unit_cost": day.unit_cost,
                    "currency_code": day.currency,
                    "stock_value": _value(day),
                    "days_since_last_sale": (at - day.last_sale).days if day.last_sale else None,
                    "is_stock_out": day.on_hand <= 0,
                    "is_negative": day.on_hand < 0,
                }
            )
    return expected(retailer, rows)


def _value(day: Day) -> Decimal | None:
    return None if day.unit_cost is None else rounded(day.on_hand * day.unit_cost, 4)


def mart_inventory_health(retailer: Retailer) -> pd.DataFrame:
    """The last 26 weeks of each product at each place."""
    yesterday = retailer.horizon - ONE_DAY
    this_week = yesterday - dt.timedelta(days=yesterday.weekday())
    weeks = [this_week - dt.timedelta(weeks=back) for back in range(WEEKS)]
    rows = []
    sold_in_all: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for (product, place), days in stock_days(retailer).items():
        kept = {at: day for at, day in days.items() if day.is_kept}
        for week in weeks:
            row = _week(retailer, kept, week)
            if row is None:
                continue
            sold_in_all[product] += row["sold_quantity"]
            rows.append({"product_id": product, "location_key": retailer.key("inventory_locations", place), **row})
    classes = _classes({retailer.key("products", product): sold for product, sold in sold_in_all.items()})
    for row in rows:
        row["product_key"] = retailer.key("products", row.pop("product_id"))
        row["abc_class"] = classes[row["product_key"]]
    return expected(retailer, rows)


def _week(retailer: Retailer, kept: dict[dt.date, Day], week: dt.date) -> Row | None:
    start = max(week, retailer.first_day)
    last = min(week + dt.timedelta(days=6), retailer.horizon - ONE_DAY)
    covered = [start + dt.timedelta(days=n) for n in range((last - start).days + 1)]
    of_week = [kept[at] for at in covered if at in kept]
    if not of_week:
        return None
    nothing = Day(ZERO)
    opening = kept.get(week - ONE_DAY, nothing).on_hand
    received = total(day.flows[name] for day in of_week for name in ("received", "returned", "transferred_in"))
    sold = total(day.flows["sold"] for day in of_week)
    closing = kept.get(last, nothing)
    recently = (last - dt.timedelta(days=n) for n in range(COVER_DAYS))
    sold_recently = total(kept[at].flows["sold"] for at in recently if at in kept)
    since = (last - closing.last_sale).days if closing.last_sale else None
    return {
        "week_start": week,
        "opening_quantity": opening,
        "received_quantity": received,
        "sold_quantity": sold,
        "closing_quantity": closing.on_hand,
        "sell_through": ratio(sold, opening + received) if opening + received > 0 else None,
        "cover_days": ratio(closing.on_hand * COVER_DAYS, sold_recently, 1) if sold_recently > 0 else None,
        "stock_out_days": len(covered) - sum(day.on_hand > 0 for day in of_week),
        "stock_value": _value(closing) if last in kept else None,
        "currency_code": closing.currency,
        "is_aged": closing.on_hand > 0 and since is not None and since > AGED_DAYS,
    }


def _classes(sold: dict[object, Decimal]) -> dict[object, str]:
    """A for the products that make up the first 80 percent of what is sold, B up to 95, C for all others."""
    everything, so_far = total(sold.values()), ZERO
    classes = {}
    for product, units in sorted(sold.items(), key=lambda item: (-item[1], item[0])):
        share = so_far / everything if everything else ZERO
        classes[product] = "C" if units <= 0 else "A" if share < A_UNTIL else "B" if share < B_UNTIL else "C"
        so_far += units
    return classes
