from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from retail_medallion.gold.keys import member_key
from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import DAY, NOON, Warehouse

NEXT_DAY = DAY + dt.timedelta(days=1)


def after(hours: float) -> dt.datetime:
    return NOON + dt.timedelta(hours=hours)


def is_as_recomputed(warehouse: Warehouse, source: str) -> bool:
    with warehouse.engine.begin() as connection:
        return not any(compare(connection, source).values())


def quantities(warehouse: Warehouse, source: str) -> dict[str, tuple[Any, Any, bool | None]]:
    """Units in it, units ordered, and whether it is in full."""
    return {
        r["sale_fulfilment_id"]: (r["quantity"], r["ordered_quantity"], r["is_in_full"])
        for r in warehouse.rows("fct_fulfilment", source)
    }


def test_a_delivered_parcel_has_local_days_hours_and_whether_it_kept_its_promise(warehouse: Warehouse) -> None:
    warehouse.add_source("lima", "America/Lima")
    warehouse.put("lima", "sales", "s", customer_id="u", location_id="l")
    warehouse.put("lima", "sale_items", "x", sale_id="s", quantity=2)
    warehouse.put(
        "lima",
        "sale_fulfilments",
        "f",
        quantity=2,
        status="delivered",
        picked_at=after(1),
        shipped_at=after(16),
        promised_at=after(48),
        delivered_at=after(50.004),
    )
    warehouse.run_all("lima")
    (row,) = warehouse.rows("fct_fulfilment", "lima")
    assert row["sale_key"] == member_key("sales", "lima", "s")
    assert row["customer_key"] == member_key("customers", "lima", "u")
    assert row["location_key"] == member_key("inventory_locations", "lima", "l")
    assert (row["created_date"], row["shipped_date"]) == (DAY, DAY)  # 23:00 in Lima
    assert row["delivered_date"] == DAY + dt.timedelta(days=2)
    assert (row["packed_date"], row["cancelled_date"], row["returned_date"]) == (None, None, None)
    assert (row["hours_to_pick"], row["hours_to_ship"], row["hours_in_transit"]) == (1, 16, 34)
    assert (row["hours_to_deliver"], row["hours_vs_promise"]) == (50, 2)
    assert (row["is_on_time"], row["is_in_full"]) == (False, True)
    assert is_as_recomputed(warehouse, "lima")


def test_what_has_no_time_has_no_day_no_hours_and_no_judgement(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.put(source, "sale_items", "x", sale_id="s")
    warehouse.put(source, "sale_fulfilments", "open", quantity=1, promised_at=after(1))
    warehouse.put(source, "sale_fulfilments", "unpromised", quantity=1, delivered_at=after(1))
    warehouse.put(source, "sale_fulfilments", "punctual", delivered_at=after(1), promised_at=after(1))
    warehouse.run_all(source)
    rows = {r["sale_fulfilment_id"]: r for r in warehouse.rows("fct_fulfilment", source)}
    assert (rows["open"]["delivered_date"], rows["open"]["hours_to_deliver"], rows["open"]["is_on_time"]) == (None,) * 3
    assert rows["open"]["is_in_full"] is None
    assert (rows["unpromised"]["is_on_time"], rows["unpromised"]["hours_in_transit"]) == (None, None)
    assert rows["unpromised"]["is_in_full"] is True
    assert (rows["punctual"]["is_on_time"], rows["punctual"]["quantity"], rows["punctual"]["is_in_full"]) == (
        True,
        None,
        None,
    )


def test_partial_shipments_are_measured_by_the_lines_they_name(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.put(source, "sale_items", "x", sale_id="s", quantity=2)
    warehouse.put(source, "sale_items", "y", sale_id="s", quantity=3)
    warehouse.put(source, "sale_items", "z", sale_id="s", quantity=5, line_type="shipping")
    warehouse.put(source, "sale_items", "gone", sale_id="s", quantity=7, is_deleted=True)

    def ship(id_: str, lines: object = None, **values: Any) -> None:
        warehouse.put(source, "sale_fulfilments", id_, delivered_at=after(9), lines=json.dumps(lines), **values)

    ship("listed", [{"sale_item_id": "x", "quantity": "1.5"}, {"sale_item_id": "x", "quantity": 0.5}])
    ship("short", [{"sale_item_id": "x", "quantity": 2}, {"sale_item_id": "y"}], sale_item_id="y")
    ship("own", [{"sale_item_id": "y", "quantity": 2}], quantity=3)
    ship("line", sale_item_id="y", quantity=3)
    ship("all", quantity=5)
    ship("unreadable", [1, None, "x", {"quantity": "many"}], quantity=5)
    ship("unknown", [{"sale_item_id": "nowhere", "quantity": 1}])
    ship("deleted", sale_item_id="gone", quantity=7)
    warehouse.run_all(source)
    assert quantities(warehouse, source) == {
        "listed": (2, 2, True),
        "short": (2, 5, False),
        "own": (3, 3, True),
        "line": (3, 3, True),
        "all": (5, 5, True),
        "unreadable": (5, 5, True),
        "unknown": (1, None, None),
        "deleted": (7, None, None),
    }

    warehouse.put(source, "sale_items", "y", day=NEXT_DAY, sale_id="s", quantity=4)
    warehouse.run_all(source, NEXT_DAY)
    assert {i: (o, f) for i, (_, o, f) in quantities(warehouse, source).items() if i in {"listed", "own", "all"}} == {
        "listed": (2, True),
        "own": (4, False),
        "all": (6, False),
    }
    assert is_as_recomputed(warehouse, source)


def test_a_fulfilment_is_written_without_its_sale_and_completed_when_the_sale_comes(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sale_fulfilments", "f", location_id="w")
    warehouse.run_all(source)
    assert [r["sale_key"] for r in warehouse.rows("fct_fulfilment", source)] == [None]
    assert warehouse.pending(source) == set()

    warehouse.put(source, "sales", "s", day=NEXT_DAY, customer_id="u", location_id="l")
    warehouse.run("fct_fulfilment", source, NEXT_DAY)  # Before its parent: it waits.
    assert ("fct_fulfilment", "sale_fulfilment_id", "f") in warehouse.pending(source)
    warehouse.run_all(source, NEXT_DAY)
    (row,) = warehouse.rows("fct_fulfilment", source)
    assert row["sale_key"] == member_key("sales", source, "s")
    assert row["customer_key"] == member_key("customers", source, "u")
    assert row["location_key"] == member_key("inventory_locations", source, "w")
    assert warehouse.pending(source) == set()
    assert is_as_recomputed(warehouse, source)


@pytest.mark.parametrize(("gone", "left"), [({"is_test": True}, []), ({"is_deleted": True}, [None])])
def test_a_test_sale_takes_its_fulfilments_along_and_a_deleted_one_lets_them_go(
    warehouse: Warehouse, source: str, gone: dict[str, Any], left: list[None]
) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.put(source, "sale_fulfilments", "f")
    warehouse.run_all(source)
    warehouse.put(source, "sales", "s", **gone)
    warehouse.run_all(source)
    assert [r["sale_key"] for r in warehouse.rows("fct_fulfilment", source)] == left
    assert is_as_recomputed(warehouse, source)

    warehouse.put(source, "sales", "s")
    warehouse.run_all(source)
    assert [r["sale_key"] for r in warehouse.rows("fct_fulfilment", source)] == [member_key("sales", source, "s")]
    assert is_as_recomputed(warehouse, source)


def test_a_promise_beyond_the_calendar_stops_nothing(warehouse: Warehouse) -> None:
    warehouse.add_source("apia", "Pacific/Apia")
    warehouse.put("apia", "sale_fulfilments", "f", promised_at=dt.datetime(2100, 12, 31, 23, tzinfo=dt.UTC))
    warehouse.run_all("apia")
    assert [r["promised_date"] for r in warehouse.rows("fct_fulfilment", "apia")] == [dt.date(2101, 1, 1)]
