from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count
from typing import Any

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.keys import NOT_APPLICABLE, member_key
from retail_medallion.gold.recompute import compare
from retail_medallion.gold.writer import GoldWriter
from retail_medallion.storage.partitioned import PartitionReport
from retail_medallion_tests.gold.warehouse import DAY, Warehouse
from retail_medallion_tests.servers import fresh_database_on

_numbers = count()

NEXT_DAY = DAY + dt.timedelta(days=1)


def is_as_recomputed(warehouse: Warehouse, source: str) -> bool:
    with warehouse.engine.begin() as connection:
        differences = compare(connection, source)
        return not (differences["fct_stock_movement"] or differences["fct_inventory_daily"])


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


class Shelf:
    """One source whose stock is told movement by movement and read day by day.

    Args:
        warehouse: The warehouse.
        source: Code of the source.
        horizon: The first day it has not delivered whole.
    """

    def __init__(self, warehouse: Warehouse, source: str, horizon: dt.date) -> None:
        self._warehouse = warehouse
        self._source = source
        warehouse.horizon(source, horizon)

    def move(self, id_: str, day: dt.date, movement_type: str, quantity: Decimal | int, **values: Any) -> None:
        """Write a movement, at noon of its day if no hour is given."""
        hour = values.pop("hour", 12)
        values = {
            "occurred_at": dt.datetime.combine(day, dt.time(hour), dt.UTC),
            "business_date": day,
            "movement_type": movement_type,
            "quantity": quantity,
            **values,
        }
        self._warehouse.put(self._source, "stock_movements", id_, **values)

    def run(self, horizon: dt.date | None = None) -> PartitionReport:
        """Bring both tables up to date, at a later horizon if one is given; for a day that was never reflected."""
        if horizon is not None:
            self._warehouse.horizon(self._source, horizon)
        quiet = dt.date(2030, 1, 1) + dt.timedelta(days=next(_numbers))
        self._warehouse.run("fct_stock_movement", self._source, quiet)
        report = self._warehouse.run("fct_inventory_daily", self._source, quiet)
        # What else follows a new source or reads the stock is no matter of these tests.
        waiting = {consumer for consumer, _, _ in self._warehouse.pending(self._source)}
        assert not waiting & {"fct_stock_movement", "fct_inventory_daily"}
        assert is_as_recomputed(self._warehouse, self._source)
        return report

    def rows(self, location: str = "l", product: str = "p") -> dict[dt.date, dict[str, Any]]:
        """The rows of a pair by day."""
        pair = member_key("products", self._source, product), member_key("inventory_locations", self._source, location)
        stored = self._warehouse.rows("fct_inventory_daily", self._source)
        return {r["snapshot_date"]: r for r in stored if (r["product_key"], r["location_key"]) == pair}

    def on_hand(self, location: str = "l", product: str = "p") -> dict[int, Any]:
        """Units of a pair by day of June."""
        return {day.day: row["on_hand"] for day, row in self.rows(location, product).items()}


def june(day: int) -> dt.date:
    return dt.date(2026, 6, day)


FLOWS = ("received", "sold", "returned", "transferred_in", "transferred_out", "adjusted", "written_off")


def flows(row: dict[str, Any]) -> dict[str, Decimal]:
    return {name: row[name] for name in FLOWS if row[name]}


def test_stock_stands_from_the_first_movement_to_the_last_closed_day_and_days_without_any_have_no_row(
    warehouse: Warehouse, source: str
) -> None:
    shelf = Shelf(warehouse, source, june(12))
    shelf.move("a", june(3), "purchase_receipt", 5, unit_cost=Decimal("2.5"), currency_code="EUR")
    shelf.move("b", june(5), "sale_issue", -2)
    shelf.move("c", june(7), "sale_issue", -3)
    shelf.move("d", june(10), "customer_return", 1)
    shelf.run()
    assert shelf.on_hand() == {3: 5, 4: 5, 5: 3, 6: 3, 7: 0, 10: 1, 11: 1}
    rows = shelf.rows()
    assert [flows(rows[june(d)]) for d in (3, 4, 5, 10)] == [{"received": 5}, {}, {"sold": 2}, {"returned": 1}]
    assert (rows[june(6)]["stock_value"], rows[june(6)]["currency_code"]) == (Decimal("7.5"), "EUR")
    assert {d.day: r["days_since_last_sale"] for d, r in rows.items()} == {
        3: None,
        4: None,
        5: 0,
        6: 1,
        7: 0,
        10: 3,
        11: 4,
    }
    assert {d.day for d, r in rows.items() if r["is_stock_out"]} == {7}


def test_a_count_in_the_middle_of_a_day_sets_the_level_and_its_difference_is_an_adjustment(
    warehouse: Warehouse, source: str
) -> None:
    shelf = Shelf(warehouse, source, june(7))
    shelf.move("open", june(3), "opening_balance", 10, hour=6)
    shelf.move("early", june(3), "sale_issue", -4, hour=9)
    shelf.move("count", june(3), "count", 5, hour=10)
    shelf.move("late", june(3), "sale_issue", -1, hour=11)
    shelf.move("same hour", june(5), "write_off", -1, hour=11)
    shelf.move("count again", june(5), "count", 4, hour=11)
    shelf.run()
    # The count of the fifth comes first: at the same time the smaller id does.
    assert shelf.on_hand() == {3: 4, 4: 4, 5: 3, 6: 3}
    rows = shelf.rows()
    assert flows(rows[june(3)]) == {"sold": 5, "adjusted": 9}
    assert flows(rows[june(5)]) == {"written_off": 1}


def test_a_movement_that_arrives_late_changes_every_day_since_up_to_the_next_count(
    warehouse: Warehouse, source: str
) -> None:
    shelf = Shelf(warehouse, source, june(12))
    shelf.move("a", june(3), "purchase_receipt", 5)
    shelf.move("count", june(8), "count", 4)
    shelf.run()
    shelf.move("late", june(5), "sale_issue", -2)
    report = shelf.run()
    assert shelf.on_hand() == {3: 5, 4: 5, 5: 3, 6: 3, 7: 3, 8: 4, 9: 4, 10: 4, 11: 4}
    assert flows(shelf.rows()[june(8)]) == {"adjusted": 1}
    assert shelf.rows()[june(11)]["days_since_last_sale"] == 6
    assert report.metadata["written"] == 7
    shelf.move("earliest", june(1), "purchase_receipt", 1)
    shelf.run()
    assert shelf.on_hand() == {1: 1, 2: 1, 3: 6, 4: 6, 5: 4, 6: 4, 7: 4, 8: 4, 9: 4, 10: 4, 11: 4}


def test_a_transfer_leaves_one_place_and_arrives_at_the_other(warehouse: Warehouse, source: str) -> None:
    shelf = Shelf(warehouse, source, june(6))
    shelf.move("a", june(3), "purchase_receipt", 5)
    shelf.move("out", june(4), "transfer_out", -2, counterpart_location_id="w")
    shelf.move("in", june(5), "transfer_in", 2, location_id="w", counterpart_location_id="l")
    shelf.run()
    assert (shelf.on_hand(), shelf.on_hand("w")) == ({3: 5, 4: 3, 5: 3}, {5: 2})
    assert flows(shelf.rows()[june(4)]) == {"transferred_out": 2}
    assert flows(shelf.rows("w")[june(5)]) == {"transferred_in": 2}


def test_negative_stock_is_kept_and_marked(warehouse: Warehouse, source: str) -> None:
    shelf = Shelf(warehouse, source, june(6))
    shelf.move("a", june(3), "sale_issue", -2, unit_cost=3)
    shelf.run()
    rows = shelf.rows()
    assert shelf.on_hand() == {3: -2, 4: -2, 5: -2}
    assert {(r["is_negative"], r["is_stock_out"], r["stock_value"]) for r in rows.values()} == {(True, True, -6)}


def test_a_new_day_is_added_when_the_horizon_moves_and_taken_away_when_it_moves_back(
    warehouse: Warehouse, source: str
) -> None:
    shelf = Shelf(warehouse, source, june(5))
    shelf.move("a", june(3), "purchase_receipt", 5, unit_cost=2, currency_code="EUR")
    shelf.move("b", june(4), "sale_issue", -5, location_id="w")
    shelf.move("ahead", june(6), "sale_issue", -1)
    shelf.run()
    assert (shelf.on_hand(), shelf.on_hand("w")) == ({3: 5, 4: 5}, {4: -5})
    report = shelf.run(june(6))
    assert (report.metadata["written"], report.metadata["recomputed"]) == (2, 1)
    assert (shelf.on_hand(), shelf.on_hand("w")) == ({3: 5, 4: 5, 5: 5}, {4: -5, 5: -5})
    assert shelf.rows("w")[june(5)]["days_since_last_sale"] == 1
    shelf.run(june(9))
    assert (shelf.on_hand(), shelf.on_hand("w")) == (
        {3: 5, 4: 5, 5: 5, 6: 4, 7: 4, 8: 4},
        {4: -5, 5: -5, 6: -5, 7: -5, 8: -5},
    )
    assert {r["stock_value"] for d, r in shelf.rows().items() if d > june(5)} == {8}
    report = shelf.run(june(5))
    assert (report.metadata["written"], report.metadata["removed"]) == (0, 8)
    shelf.run(june(1))
    assert shelf.on_hand() == {}
    shelf.run(june(9))
    assert shelf.on_hand() == {3: 5, 4: 5, 5: 5, 6: 4, 7: 4, 8: 4}


def test_a_withdrawn_movement_takes_its_days_along_and_a_moved_one_is_counted_once(
    warehouse: Warehouse, source: str
) -> None:
    shelf = Shelf(warehouse, source, june(8))
    shelf.move("a", june(3), "purchase_receipt", 5)
    shelf.move("b", june(5), "purchase_receipt", 1)
    shelf.run()
    warehouse.drop(source, "stock_movements", "a")
    shelf.run()
    assert shelf.on_hand() == {5: 1, 6: 1, 7: 1}
    shelf.move("b", june(4), "purchase_receipt", 2, location_id="w")
    shelf.run()
    assert (shelf.on_hand(), shelf.on_hand("w")) == ({}, {4: 2, 5: 2, 6: 2, 7: 2})
    warehouse.drop(source, "stock_movements", "b")
    shelf.run()
    assert warehouse.rows("fct_inventory_daily", source) == []
    assert warehouse.rows("dim_location", source) == []


def test_movements_before_the_first_day_of_the_source_go_into_the_balance_only(
    warehouse: Warehouse, source: str
) -> None:
    shelf = Shelf(warehouse, source, june(1))
    shelf.move("a", dt.date(2026, 3, 31), "purchase_receipt", 5, unit_cost=1)
    shelf.move("b", dt.date(2026, 5, 31), "sale_issue", -1)
    shelf.run()
    assert shelf.rows() == {}
    shelf.run(june(3))
    assert shelf.on_hand() == {1: 4, 2: 4}
    assert flows(shelf.rows()[june(1)]) == {}
    assert shelf.rows()[june(2)]["days_since_last_sale"] == 2
    shelf.move("c", dt.date(2026, 4, 30), "sale_issue", -4)
    shelf.run()
    assert shelf.on_hand() == {}
    shelf.move("d", june(2), "sale_issue", -1)
    shelf.run(june(4))
    assert shelf.on_hand() == {2: -1, 3: -1}
    assert shelf.rows()[june(2)]["unit_cost"] == 1


def test_days_of_the_source_before_anything_is_closed_have_no_rows_and_come_all_at_once(
    warehouse: Warehouse, source: str
) -> None:
    shelf = Shelf(warehouse, source, june(5))
    warehouse.execute("DELETE FROM silver_meta.partition_state WHERE source_system = %s", (source,))
    shelf.move("a", june(3), "purchase_receipt", 5)
    shelf.run()
    assert shelf.rows() == {}
    shelf.run(june(5))
    assert shelf.on_hand() == {3: 5, 4: 5}


def test_materialising_a_day_again_mends_what_somebody_spoiled_in_it(warehouse: Warehouse, source: str) -> None:
    shelf = Shelf(warehouse, source, june(26))
    shelf.move("a", june(3), "purchase_receipt", 5)
    warehouse.run_all(source)
    warehouse.execute(
        "DELETE FROM gold.fct_inventory_daily WHERE source_key = gold.member_key('sources', %(s)s, %(s)s)"
        " AND snapshot_date IN ('2026-06-03', '2026-06-20')",
        {"s": source},
    )
    # The day itself, and the days of the movements that came with it.
    report = warehouse.run("fct_inventory_daily", source)
    assert report.metadata["written"] == 2
    assert len(shelf.on_hand()) == 23
    assert is_as_recomputed(warehouse, source)


def test_a_change_that_does_not_concern_the_stock_recomputes_no_stock(warehouse: Warehouse, source: str) -> None:
    shelf = Shelf(warehouse, source, june(5))
    shelf.move("a", june(3), "purchase_receipt", 5)
    shelf.run()
    shelf.move("a", june(3), "purchase_receipt", 5, supplier_id="v", sale_id="s")
    report = shelf.run()
    assert (report.metadata["pending_keys"], report.metadata["recomputed"]) == (0, 0)


_FILL = """
INSERT INTO silver.stock_movements (source_system, stock_movement_id, product_id, location_id, movement_type, quantity,
    occurred_at, business_date, is_deleted, load_id, bronze_row, ingested_at, dq_flags,
    winner_partition, effective_partition)
SELECT %(source)s, n, 'p' || mod(n, 50), 'l', 'purchase_receipt', 1, day, day, false,
       '00000000-0000-0000-0000-000000000000', 0, day, ARRAY[]::text[], day, day
FROM (SELECT n, %(first)s::date + n / 20 AS day FROM generate_series(%(begin)s, %(end)s - 1) n) movements
"""

_READ = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables
WHERE relname LIKE 'fct_inventory_daily%%' OR relname LIKE 'fct_stock_movement%%'
"""


def test_a_new_day_reads_as_many_rows_after_many_days_as_after_few(postgres_server: EmbeddedPostgres) -> None:
    first, read = dt.date(2025, 1, 1), {}
    with fresh_database_on(postgres_server, prefix="gold") as database:
        warehouse = Warehouse(database.url)
        warehouse.add_source("shop")
        warehouse.execute("UPDATE silver_meta.source SET first_partition = %s", (first,))
        known = 0
        for days in (10, 11, 300, 301):
            day = first + dt.timedelta(days=days)
            # 20 movements a day, of 50 products.
            parameters = {"source": "shop", "first": first, "begin": known * 20, "end": days * 20}
            warehouse.execute(_FILL, parameters)
            warehouse.execute(
                "INSERT INTO meta.pending (consumer, source_system, role, id) SELECT 'fct_stock_movement', %(source)s,"
                " 'stock_movement_id', n::text FROM generate_series(%(begin)s, %(end)s - 1) n",
                parameters,
            )
            warehouse.horizon("shop", day)
            warehouse.run("fct_stock_movement", "shop", day)
            with warehouse.engine.begin() as connection, cursor_of(connection) as cursor:
                GoldWriter("fct_inventory_daily", "shop").write(
                    connection, (first + dt.timedelta(days=days)).isoformat()
                )
                cursor.execute(_READ)
                ((read[days],),) = cursor.fetchall()
            warehouse.execute("ANALYZE gold.fct_inventory_daily; ANALYZE gold.fct_stock_movement")
            known = days
        assert len(warehouse.rows("fct_inventory_daily", "shop")) == 20 + 40 + 50 * 299
        assert is_as_recomputed(warehouse, "shop")
        warehouse.engine.dispose()
    assert read[301] <= read[11] * 1.5, read
