"""The stock of every day against a ledger kept in plain Python, whatever came in which order."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from retail_medallion.gold.keys import member_key
from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import Warehouse

_numbers = count()

FIRST = dt.date(2026, 6, 1)
DAYS = [dt.date(2026, 5, 29), FIRST, *(FIRST + dt.timedelta(days=n) for n in (1, 2, 3, 5, 29, 30, 33))]
HORIZONS = [dt.date(2026, 5, 31), *(FIRST + dt.timedelta(days=n) for n in (0, 1, 2, 4, 6, 31, 35))]
COLUMN_OF = {
    "purchase_receipt": ("received", 1),
    "sale_issue": ("sold", -1),
    "customer_return": ("returned", 1),
    "transfer_in": ("transferred_in", 1),
    "transfer_out": ("transferred_out", -1),
    "write_off": ("written_off", -1),
}
LEVELS = {"count", "opening_balance"}
FLOWS = [*(name for name, _ in COLUMN_OF.values()), "adjusted"]

Row = dict[str, Any]


def ledger(movements: dict[str, Row], horizon: dt.date | None) -> dict[tuple[str, str, dt.date], Row]:
    """What every closed day must say, by product, location and day."""
    story: dict[tuple[str, str], list[tuple[dt.date, dt.datetime, bytes, Row]]] = {}
    for id_, row in movements.items():
        if not row["is_deleted"]:
            place = row["product_id"], row["location_id"]
            story.setdefault(place, []).append((row["business_date"], row["occurred_at"], id_.encode(), row))
    found: dict[tuple[str, str, dt.date], Row] = {}
    for (product, location), events in story.items():
        events.sort(key=lambda event: event[:3])
        balance, cost, currency, sold_on = Decimal(0), None, None, None
        day, number = events[0][0], 0
        while horizon is not None and day < horizon:
            flows = dict.fromkeys(FLOWS, Decimal(0))
            moved = False
            while number < len(events) and events[number][0] == day:
                row = events[number][3]
                kind, quantity = row["movement_type"], Decimal(row["quantity"])
                after = quantity if kind in LEVELS else balance + quantity
                name, sign = COLUMN_OF.get(kind, ("adjusted", 1))
                flows[name] += sign * (after - balance)
                balance = after
                if row["unit_cost"] is not None:
                    cost, currency = row["unit_cost"], row["currency_code"]
                if kind == "sale_issue":
                    sold_on = day
                moved, number = True, number + 1
            if day >= FIRST and (moved or balance):
                found[product, location, day] = {
                    **flows,
                    "on_hand": balance,
                    "unit_cost": cost,
                    "currency_code": currency,
                    "stock_value": None if cost is None else balance * cost,
                    "days_since_last_sale": None if sold_on is None else (day - sold_on).days,
                    "is_stock_out": balance <= 0,
                    "is_negative": balance < 0,
                }
            day += dt.timedelta(days=1)
    return found


def test_the_ledger_books_a_short_story_as_a_shopkeeper_would() -> None:
    plain = {"product_id": "p", "location_id": "l", "is_deleted": False, "unit_cost": None, "currency_code": None}
    noon = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
    story = {
        "a": {**plain, "business_date": FIRST, "occurred_at": noon, "movement_type": "purchase_receipt", "quantity": 3},
        "b": {**plain, "business_date": FIRST, "occurred_at": noon, "movement_type": "count", "quantity": 2},
    }
    booked = ledger(story, FIRST + dt.timedelta(days=2))
    assert [(key[2].day, row["on_hand"], row["received"], row["adjusted"]) for key, row in booked.items()] == [
        (1, 2, 3, -1),
        (2, 2, 0, 0),
    ]


movements = st.fixed_dictionaries(
    {
        "product_id": st.sampled_from("ppq"),
        "location_id": st.sampled_from("lw"),
        "movement_type": st.sampled_from([*COLUMN_OF, *["sale_issue"] * 3, *LEVELS, "adjustment", "supplier_return"]),
        "quantity": st.integers(-3, 5).map(Decimal),
        "unit_cost": st.sampled_from([None, None, Decimal("1.25"), Decimal(2)]),
        "currency_code": st.sampled_from([None, "EUR", "USD"]),
        "business_date": st.sampled_from(DAYS),
        "hour": st.integers(9, 10),
        "is_deleted": st.sampled_from([False] * 5 + [True]),
    }
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("aAbBcd"), movements),
        st.tuples(st.just("put"), st.sampled_from("aAbBcd"), movements),
        st.tuples(st.just("drop"), st.sampled_from("aAbBcd"), st.none()),
        st.tuples(st.just("horizon"), st.none(), st.sampled_from(HORIZONS)),
        st.tuples(st.just("movements"), st.none(), st.sampled_from([*DAYS[1:4], None])),
        st.tuples(st.just("stock"), st.none(), st.sampled_from([*DAYS[1:4], None])),
        st.tuples(st.just("both"), st.none(), st.none()),
    ),
    min_size=8,
    max_size=30,
)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
@given(schedule=steps)
@example(schedule=[])
def test_stock_is_what_the_ledger_says_whatever_the_order_of_movements_days_and_runs(
    warehouse: Warehouse, schedule: list[tuple[str, Any, Any]]
) -> None:
    source = f"stock{next(_numbers)}"
    warehouse.add_source(source)
    known: dict[str, Row] = {}
    horizon: dt.date | None = None
    quiet = (dt.date(2030, 1, 1) + dt.timedelta(days=n) for n in count())
    for kind, id_, value in [*schedule, ("both", None, None), ("horizon", None, HORIZONS[-1]), ("both", None, None)]:
        if kind == "put":
            hour = dt.datetime.combine(value["business_date"], dt.time(value["hour"]), dt.UTC)
            known[id_] = {**{k: v for k, v in value.items() if k != "hour"}, "occurred_at": hour}
            warehouse.put(source, "stock_movements", id_, day=DAYS[1], **known[id_])
        elif kind == "drop":
            known.pop(id_, None)
            warehouse.drop(source, "stock_movements", id_, day=DAYS[1])
        elif kind == "horizon":
            horizon = value
            warehouse.horizon(source, value)
        elif kind == "movements":
            warehouse.run("fct_stock_movement", source, value or next(quiet))
        elif kind == "stock":
            warehouse.run("fct_inventory_daily", source, value or next(quiet))
        else:
            warehouse.run("fct_stock_movement", source, next(quiet))
            warehouse.run("fct_inventory_daily", source, next(quiet))
            assert stored(warehouse, source) == ledger(known, horizon)
            waiting = {consumer for consumer, _, _ in warehouse.pending(source)}
            assert not waiting & {"fct_stock_movement", "fct_inventory_daily"}
    with warehouse.engine.begin() as connection:
        assert not compare(connection, source)["fct_inventory_daily"]


def stored(warehouse: Warehouse, source: str) -> dict[tuple[str, str, dt.date], Row]:
    products = {member_key("products", source, id_): id_ for id_ in "pq"}
    locations = {member_key("inventory_locations", source, id_): id_ for id_ in "lw"}
    keys = {"product_key", "location_key", "snapshot_date", "source_key", "row_hash"}
    return {
        (products[row["product_key"]], locations[row["location_key"]], row["snapshot_date"]): {
            name: value for name, value in row.items() if name not in keys
        }
        for row in warehouse.rows("fct_inventory_daily", source)
    }
