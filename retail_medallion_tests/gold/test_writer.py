from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal

import psycopg2
import pytest

from retail_medallion.errors import ConfigurationError
from retail_medallion.gold.keys import NOT_APPLICABLE, member_key
from retail_medallion.gold.recompute import compare, digest
from retail_medallion.gold.refresh import Refresh
from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.warehouse import DAY, Warehouse, write_silver

NEXT_DAY = DAY + dt.timedelta(days=1)


def test_a_sale_with_lines_and_a_payment_reaches_every_table(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "product_categories", "c", category_name="Shoes")
    warehouse.put(source, "products", "p", category_id="c", supplier_id="v")
    warehouse.put(source, "sales", "s", customer_id="u", location_id="l", total_amount=20, discount_amount=2)
    warehouse.put(source, "sale_items", "s1", sale_id="s", product_id="p", gross_amount=15, unit_cost=4)
    warehouse.put(source, "sale_items", "s2", sale_id="s", gross_amount=5, line_type="service")
    warehouse.put(source, "transactions", "t", sale_id="s", payment_method_id="m", amount=20, change_amount=2)
    warehouse.run_all(source)

    (sale,) = warehouse.rows("fct_sale", source)
    assert sale["sale_key"] == member_key("sales", source, "s")
    assert (sale["item_count"], sale["units"], sale["net_revenue"]) == (2, 2, 18)
    assert (sale["cost_amount"], sale["margin_amount"], sale["paid_amount"]) == (4, 14, 18)
    lines = {r["sale_item_id"]: r for r in warehouse.rows("fct_sale_item", source)}
    assert (lines["s1"]["allocated_discount"], lines["s2"]["allocated_discount"]) == (Decimal("1.5"), Decimal("0.5"))
    assert lines["s2"]["product_key"] == NOT_APPLICABLE
    (transaction,) = warehouse.rows("fct_transaction", source)
    assert transaction["customer_key"] == member_key("customers", source, "u")
    assert transaction["signed_amount"] == 18
    assert sum(r["net_revenue"] for r in warehouse.rows("mart_daily_sales", source)) == 18
    assert warehouse.pending(source) == set()
    with warehouse.engine.begin() as connection:
        assert not any(compare(connection, source).values())


def test_an_inferred_member_is_filled_by_the_real_row_and_facts_stay_untouched(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s", customer_id="u")
    warehouse.run_all(source)
    (member,) = warehouse.rows("dim_customer", source)
    (before,) = warehouse.execute(
        "SELECT xmin::text, customer_key FROM gold.fct_sale WHERE sale_id = 's' AND customer_key = %s",
        (member["customer_key"],),
    )
    assert member["is_inferred"]
    assert member["display_label"] == "(unknown u)"

    warehouse.put(source, "customers", "u", segment="GOLD")
    warehouse.run_all(source)
    (real,) = warehouse.rows("dim_customer", source)
    assert (real["customer_key"], real["is_inferred"], real["segment"]) == (member["customer_key"], False, "GOLD")
    (after,) = warehouse.execute(
        "SELECT xmin::text, customer_key FROM gold.fct_sale WHERE customer_key = %s", (real["customer_key"],)
    )
    assert after == before


def test_a_real_member_that_vanishes_while_used_turns_inferred_and_goes_with_its_last_reference(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "customers", "u")
    warehouse.put(source, "sales", "s", customer_id="u")
    warehouse.run_all(source)
    warehouse.drop(source, "customers", "u")
    warehouse.run_all(source)
    assert [r["is_inferred"] for r in warehouse.rows("dim_customer", source)] == [True]

    warehouse.put(source, "sales", "s", customer_id=None)
    warehouse.run_all(source)
    assert warehouse.rows("dim_customer", source) == []


def test_facts_written_before_their_dimensions_take_what_silver_knows(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "customers", "u", home_location_id="l", merged_into_customer_id="w")
    warehouse.put(source, "customers", "w", merged_into_customer_id="u")
    warehouse.put(source, "sales", "s", customer_id="u")
    warehouse.run("fct_sale", source)
    assert {(r["customer_id"], r["is_inferred"]) for r in warehouse.rows("dim_customer", source)} == {
        ("u", False),
        ("w", False),
    }
    assert [r["is_inferred"] for r in warehouse.rows("dim_location", source)] == [True]


def test_a_line_of_an_unknown_sale_stays_pending_until_the_sale_comes(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sale_items", "s1", sale_id="s", product_id="p")
    warehouse.put(source, "transactions", "t", sale_id="s", customer_id="u")
    reports = warehouse.run_all(source)
    assert reports["fct_sale_item"].metadata["waiting_for_parent"] == 1
    assert warehouse.rows("fct_sale_item", source) == []
    assert warehouse.rows("fct_transaction", source)[0]["sale_key"] is None
    assert warehouse.pending(source) == {("fct_sale_item", "sale_id", "s")}

    warehouse.put(source, "sales", "s", day=NEXT_DAY)
    # The children run before their parent: they wait, and lose nothing.
    warehouse.run("fct_sale_item", source)
    warehouse.run("fct_transaction", source)
    assert warehouse.rows("fct_transaction", source)[0]["sale_key"] is None
    warehouse.run_all(source)
    assert len(warehouse.rows("fct_sale_item", source)) == 1
    assert warehouse.rows("fct_transaction", source)[0]["sale_key"] == member_key("sales", source, "s")
    assert warehouse.pending(source) == set()


def test_a_line_whose_sale_silver_withdrew_waits_even_where_the_table_of_sales_still_has_it(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.put(source, "sale_items", "i", sale_id="s")
    warehouse.run_all(source)
    warehouse.drop(source, "sales", "s")
    warehouse.run("fct_sale_item", source, NEXT_DAY)
    warehouse.run_all(source, NEXT_DAY)
    assert warehouse.rows("fct_sale_item", source) == warehouse.rows("fct_sale", source) == []
    assert ("fct_sale_item", "sale_id", "s") in warehouse.pending(source)


def test_a_deleted_sale_takes_its_lines_and_daily_sales_with_it_and_loosens_its_payment(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.put(source, "sale_items", "s1", sale_id="s", product_id="p")
    warehouse.put(source, "transactions", "t", sale_id="s")
    warehouse.run_all(source)
    assert len(warehouse.rows("mart_daily_sales", source)) == 1
    warehouse.put(source, "sales", "s", is_deleted=True)
    warehouse.run("fct_sale", source)
    assert warehouse.rows("fct_sale_item", source) == []
    warehouse.run_all(source)
    assert warehouse.rows("mart_daily_sales", source) == []
    assert warehouse.rows("dim_product", source) == []
    assert [r["sale_key"] for r in warehouse.rows("fct_transaction", source)] == [None]
    with warehouse.engine.begin() as connection:
        assert not any(compare(connection, source).values())


def test_a_payment_finds_its_sale_again_when_the_sale_was_deleted_and_came_back(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.put(source, "transactions", "t", sale_id="s")
    warehouse.run_all(source)
    warehouse.put(source, "sales", "s", is_deleted=True)
    # The run ends between the two tables.
    warehouse.run("fct_sale", source)
    warehouse.put(source, "sales", "s")
    warehouse.run_all(source)
    assert [r["sale_key"] for r in warehouse.rows("fct_transaction", source)] == [member_key("sales", source, "s")]
    with warehouse.engine.begin() as connection:
        assert not any(compare(connection, source).values())


def test_test_sales_their_lines_and_their_payments_stay_out(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", is_test=True)
    warehouse.put(source, "sale_items", "s1", sale_id="s")
    warehouse.put(source, "transactions", "t", sale_id="s")
    warehouse.run_all(source)
    assert not any(
        warehouse.rows(table, source) for table in ("fct_sale", "fct_sale_item", "fct_transaction", "mart_daily_sales")
    )
    assert warehouse.pending(source) == set()


def test_a_line_that_moves_to_another_sale_and_month_leaves_nothing_behind(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "a")
    warehouse.put(source, "sales", "b", business_date=dt.date(2026, 1, 5))
    warehouse.put(source, "sale_items", "x", sale_id="a")
    warehouse.run_all(source)
    warehouse.put(source, "sale_items", "x", sale_id="b")
    warehouse.run_all(source)
    (line,) = warehouse.rows("fct_sale_item", source)
    assert line["sale_date"] == dt.date(2026, 1, 5)
    assert {r["sale_id"]: r["item_count"] for r in warehouse.rows("fct_sale", source)} == {"a": 0, "b": 1}
    assert [r["sale_date"] for r in warehouse.rows("mart_daily_sales", source)] == [dt.date(2026, 1, 5)]


def test_a_day_that_comes_again_is_recomputed_and_writes_only_what_differs(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", total_amount=5)
    warehouse.run_all(source)
    report = warehouse.run("fct_sale", source)
    assert (report.metadata["recomputed"], report.skipped) == (1, True)

    warehouse.execute(
        "UPDATE gold.fct_sale SET total_amount = 6, row_hash = %s WHERE sale_id = 's'", (str(NOT_APPLICABLE),)
    )
    report = warehouse.run("fct_sale", source)
    assert report.metadata["written"] == 1
    assert [r["total_amount"] for r in warehouse.rows("fct_sale", source)] == [5]
    assert warehouse.run("fct_sale", source, NEXT_DAY).metadata["recomputed"] == 0


def test_a_change_of_silver_during_a_run_does_not_wait_and_stays_pending(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", total_amount=5)
    writer_done = threading.Event()

    def change() -> None:
        warehouse.put(source, "sales", "s", total_amount=6)
        warehouse.put(source, "sales", "new")
        writer_done.set()

    with warehouse.engine.begin() as silver:
        write_silver(silver, source, "sales", "other", DAY, {})
        # Not committed yet: the run neither sees it nor waits for it.
        warehouse.run("fct_sale", source)
        assert [r["sale_id"] for r in warehouse.rows("fct_sale", source)] == ["s"]
    assert ("fct_sale", "sale_id", "other") in warehouse.pending(source)
    with warehouse.writing("fct_sale", source):
        # The run has taken "other" off the queue and has not committed; new keys come meanwhile.
        thread = threading.Thread(target=change)
        thread.start()
        assert writer_done.wait(10)
    thread.join()
    assert {i for c, _, i in warehouse.pending(source) if c == "fct_sale"} == {"s", "new"}
    warehouse.run_all(source)
    assert {r["sale_id"]: r["total_amount"] for r in warehouse.rows("fct_sale", source)} == {
        "s": 6,
        "other": 0,
        "new": 0,
    }


def test_a_change_of_a_key_between_its_recomputation_and_the_commit_keeps_it_pending(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s", total_amount=5)
    changed = threading.Event()

    def change() -> None:
        warehouse.put(source, "sales", "s", total_amount=6)
        changed.set()

    with warehouse.writing("fct_sale", source):
        thread = threading.Thread(target=change)
        thread.start()
        # The key's pending row is being deleted: the writer of Silver waits for the commit, and then marks it again.
        assert not changed.wait(0.3)
    thread.join(10)
    assert changed.is_set()
    assert ("fct_sale", "sale_id", "s") in warehouse.pending(source)
    warehouse.run("fct_sale", source)
    assert [r["total_amount"] for r in warehouse.rows("fct_sale", source)] == [6]


def test_a_change_committed_after_a_run_read_its_key_and_before_it_settles_stays_pending(
    warehouse: Warehouse, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.put(source, "sales", "s", total_amount=5)
    release = Refresh.release

    def change_meanwhile(refresh: Refresh) -> None:
        release(refresh)
        warehouse.put(source, "sales", "s", total_amount=6)

    with monkeypatch.context() as patch:
        patch.setattr(Refresh, "release", change_meanwhile)
        warehouse.run("fct_sale", source)
    assert [r["total_amount"] for r in warehouse.rows("fct_sale", source)] == [5]
    assert ("fct_sale", "sale_id", "s") in warehouse.pending(source)
    warehouse.run("fct_sale", source, NEXT_DAY)
    assert [r["total_amount"] for r in warehouse.rows("fct_sale", source)] == [6]


def test_two_runs_of_one_table_wait_for_each_other_and_two_sources_do_not(warehouse: Warehouse, source: str) -> None:
    other = f"{source}_b"
    warehouse.add_source(other)
    for one in (source, other):
        warehouse.put(one, "sales", "s")
        warehouse.put(one, "sale_items", "x", sale_id="s", product_id="p")
        warehouse.run_all(one)
        warehouse.put(one, "sale_items", "x", sale_id="s", product_id="q")
    done = {source: threading.Event(), other: threading.Event()}

    def run(one: str) -> None:
        warehouse.run("fct_sale_item", one)
        done[one].set()

    threads = [threading.Thread(target=run, args=(one,)) for one in (source, other)]
    with warehouse.writing("fct_sale_item", source) as report:
        assert report.metadata["written"] == 1
        for thread in threads:
            thread.start()
        assert done[other].wait(10)
        assert not done[source].wait(0.3)
        # On the lock it takes before it reads, not on a row it has already computed from what it read.
        waiting = warehouse.execute(
            "SELECT locktype FROM pg_locks WHERE NOT granted AND pid IN"
            " (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
        )
        assert waiting == [("advisory",)]
    for thread in threads:
        thread.join(10)
    assert done[source].is_set()
    assert [r["product_key"] for r in warehouse.rows("fct_sale_item", source)] == [member_key("products", source, "q")]


def test_sources_that_need_new_months_at_the_same_time_do_not_deadlock(warehouse: Warehouse, source: str) -> None:
    sources = [source, f"{source}_b", f"{source}_c"]
    for number, one in enumerate(sources):
        if number:
            warehouse.add_source(one)
        for month in range(1, 7):
            day = dt.date(2031, month, 1)
            warehouse.put(one, "sales", f"s{month}", business_date=day, customer_id="u")
            warehouse.put(one, "sale_items", f"x{month}", sale_id=f"s{month}", product_id="p")
    errors: list[BaseException] = []

    def run(one: str) -> None:
        try:
            warehouse.run_all(one)
        except BaseException as error:  # noqa: BLE001 handed to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert all(len(warehouse.rows("fct_sale_item", one)) == 6 for one in sources)


def test_a_new_time_zone_makes_every_row_of_the_source_pending(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.run_all(source)
    assert [r["sale_hour"] for r in warehouse.rows("fct_sale", source)] == [12]
    warehouse.execute("UPDATE silver_meta.source SET timezone = 'Asia/Tokyo' WHERE source_system = %s", (source,))
    warehouse.run_all(source)
    assert [r["sale_hour"] for r in warehouse.rows("fct_sale", source)] == [21]


def test_constraints_are_checked_at_once_and_cannot_be_deferred(warehouse: Warehouse, source: str) -> None:
    deferrable = warehouse.execute(
        "SELECT conname FROM pg_constraint WHERE connamespace = 'gold'::regnamespace AND (condeferrable OR condeferred)"
    )
    assert deferrable == []
    warehouse.put(source, "sales", "s")
    warehouse.run_all(source)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        warehouse.execute(
            "UPDATE gold.fct_sale SET customer_key = gen_random_uuid()"
            " WHERE source_key = gold.member_key('sources', %s, %s)",
            (source, source),
        )


def test_every_table_has_a_primary_key_and_a_foreign_key_for_every_declared_reference(warehouse: Warehouse) -> None:
    found = warehouse.execute(
        "SELECT conrelid::regclass::text, contype, count(*) FROM pg_constraint"
        " WHERE connamespace = 'gold'::regnamespace AND conparentid = 0 AND contype IN ('p', 'f') GROUP BY 1, 2"
    )
    counted = {(name.removeprefix("gold."), kind): n for name, kind, n in found}
    for table in TABLES.values():
        assert counted[table.name, "p"] == 1
        assert counted.get((table.name, "f"), 0) == sum(1 for c in table.columns if c.references)


def test_a_source_silver_does_not_know_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="not registered"):
        warehouse.run("dim_product", "nobody")


def test_the_key_is_the_same_in_python_and_in_the_warehouse(warehouse: Warehouse) -> None:
    for id_ in ("1", "a\\b", "Größe/7", "x' OR 1=1", "%s", "\\134", "日本", "😀\\"):
        assert warehouse.execute("SELECT gold.member_key('sales', 'shop', %s)", (id_,)) == [
            (member_key("sales", "shop", id_),)
        ]
    assert warehouse.execute("SELECT gold.member_key('sales', 'shop', NULL)") == [(NOT_APPLICABLE,)]


def test_the_calendar_knows_iso_weeks(warehouse: Warehouse) -> None:
    days = warehouse.execute(
        "SELECT iso_year, iso_week, day_name, is_weekend, is_month_end FROM gold.dim_date WHERE date_key = '2027-01-03'"
    )
    assert days == [(2026, 53, "Sunday", True, False)]
    assert warehouse.execute("SELECT count(*), min(date_key), max(date_key) FROM gold.dim_date") == [
        (73414, dt.date(1900, 1, 1), dt.date(2100, 12, 31))
    ]


def test_a_cycle_of_categories_ends_and_children_move_with_their_parent(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "product_categories", "a", category_name="A", parent_category_id="b")
    warehouse.put(source, "product_categories", "b", category_name="B", parent_category_id="a")
    warehouse.put(source, "product_categories", "c", category_name="C", parent_category_id="b")
    warehouse.run("dim_category", source)
    assert {r["category_id"]: r["path"] for r in warehouse.rows("dim_category", source)} == {
        "a": "B > A",
        "b": "A > B",
        "c": "A > B > C",
    }
    warehouse.put(source, "product_categories", "b", category_name="B", parent_category_id="unknown")
    warehouse.run("dim_category", source)
    assert {r["category_id"]: r["path"] for r in warehouse.rows("dim_category", source)} == {
        "a": "B > A",
        "b": "B",
        "c": "B > C",
        "unknown": "(unknown unknown)",
    }


def test_a_full_rebuild_gives_the_same_digests(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "products", "p", category_id="c", attributes='{"b": 1, "a": [2.50]}')
    warehouse.put(source, "sales", "s", customer_id="u")
    warehouse.put(source, "sale_items", "x", sale_id="s", product_id="p")
    warehouse.run_all(source)
    with warehouse.engine.begin() as connection:
        before = {table: digest(connection, table) for table in TABLES}
    warehouse.execute(
        "DELETE FROM gold.fct_sale WHERE source_key = gold.member_key('sources', %(s)s, %(s)s);"
        "DELETE FROM gold.mart_daily_sales WHERE source_key = gold.member_key('sources', %(s)s, %(s)s);"
        "DELETE FROM gold.dim_customer WHERE source_system = %(s)s;"
        "INSERT INTO meta.pending (consumer, source_system, role, id)"
        " SELECT DISTINCT consumer, %(s)s, '*', '' FROM meta.consumer",
        {"s": source},
    )
    warehouse.run_all(source, NEXT_DAY)
    with warehouse.engine.begin() as connection:
        assert {table: digest(connection, table) for table in TABLES} == before


def test_a_day_with_nothing_pending_computes_nothing_and_locks_no_table_for_writing(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "sales", "s", customer_id="u")
    warehouse.put(source, "sale_items", "s1", sale_id="s", product_id="p")
    warehouse.run_all(source)
    for name in [name for name, table in TABLES.items() if table.consumes]:
        with warehouse.writing(name, source, NEXT_DAY) as report:
            locked = warehouse.execute(
                "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
                " WHERE c.relnamespace = 'gold'::regnamespace AND l.mode <> 'AccessShareLock'"
                " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            assert locked == [], name
            read = report.metadata["pending_keys"], report.metadata["recomputed"]
            assert (report.skipped, *read) == (True, 0, 0), name
