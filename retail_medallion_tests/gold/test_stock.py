from __future__ import annotations

import datetime as dt
from decimal import Decimal

from retail_medallion.gold.keys import NOT_APPLICABLE, member_key
from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import DAY, Warehouse

NEXT_DAY = DAY + dt.timedelta(days=1)


def is_as_recomputed(warehouse: Warehouse, source: str) -> bool:
    with warehouse.engine.begin() as connection:
        return not any(compare(connection, source).values())


def test_a_movement_changes_the_stock_and_a_count_sets_it(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "stock_movements", "sold", movement_type="sale_issue", quantity=-3, unit_cost=Decimal("1.5"))
    warehouse.put(source, "stock_movements", "counted", movement_type="count", quantity=0, unit_cost=2)
    warehouse.put(source, "stock_movements", "opened", movement_type="opening_balance", quantity=9)
    warehouse.put(source, "stock_movements", "free", quantity=4, unit_cost=None)
    warehouse.run_all(source)
    rows = {r["stock_movement_id"]: r for r in warehouse.rows("fct_stock_movement", source)}
    assert {i: (r["quantity_delta"], r["counted_quantity"], r["value_delta"]) for i, r in rows.items()} == {
        "sold": (-3, None, Decimal("-4.5")),
        "counted": (None, 0, None),
        "opened": (None, 9, None),
        "free": (4, None, None),
    }
    assert is_as_recomputed(warehouse, source)


def test_both_ends_of_a_transfer_product_and_supplier_are_members_even_if_nobody_knows_them(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(
        source,
        "stock_movements",
        "m",
        movement_type="transfer_out",
        quantity=-1,
        counterpart_location_id="there",
        supplier_id="v",
        sale_id="nowhere",
    )
    warehouse.run_all(source)
    (row,) = warehouse.rows("fct_stock_movement", source)
    assert row["location_key"] == member_key("inventory_locations", source, "l")
    assert row["counterpart_location_key"] == member_key("inventory_locations", source, "there")
    assert row["sale_id"] == "nowhere"
    assert {r["location_id"]: r["is_inferred"] for r in warehouse.rows("dim_location", source)} == {
        "l": True,
        "there": True,
    }
    warehouse.put(source, "stock_movements", "m", supplier_id=None)
    warehouse.run_all(source)
    (row,) = warehouse.rows("fct_stock_movement", source)
    assert row["counterpart_location_key"] == row["supplier_key"] == NOT_APPLICABLE
    assert [r["location_id"] for r in warehouse.rows("dim_location", source)] == ["l"]
    assert warehouse.rows("dim_supplier", source) == []


def test_a_movement_that_turns_out_to_be_of_another_month_moves_there_and_a_deleted_one_goes(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "stock_movements", "m")
    warehouse.put(source, "stock_movements", "n")
    warehouse.run_all(source)
    warehouse.put(source, "stock_movements", "m", business_date=dt.date(2026, 3, 31))
    warehouse.put(source, "stock_movements", "n", is_deleted=True)
    warehouse.run_all(source, NEXT_DAY)
    assert [(r["stock_movement_id"], r["movement_date"]) for r in warehouse.rows("fct_stock_movement", source)] == [
        ("m", dt.date(2026, 3, 31))
    ]
    assert warehouse.execute("SELECT count(*) FROM gold.fct_stock_movement_2026_03 WHERE stock_movement_id = 'm'") == [
        (1,)
    ]
    assert is_as_recomputed(warehouse, source)
