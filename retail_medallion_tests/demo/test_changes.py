from __future__ import annotations

from datetime import date

import pytest
from psycopg2 import sql

from retail_medallion.demo.changes import apply_changes
from retail_medallion.demo.generator import create_demo_database, demo_is_present
from retail_medallion.demo.tables import TABLES
from retail_medallion.errors import ConfigurationError
from retail_medallion_tests.demo.reading import ask, digests, of_table

NEXT_DAY = date(2026, 7, 1)
RECORDED = {
    "orders": "greatest(updated_at, lines_touched_at)",
    "payments": "recorded_at",
    "stock_moves": "recorded_at",
    "club_ledger": "recorded_at",
    "articles": "updated_at",
    "clients": "updated_at",
    "market_orders": "updated_at",
    "baskets": "updated_at",
    "parcels": "updated_at",
    "opinions": "updated_at",
    "vouchers": "updated_at",
}


def test_another_day_is_recorded_within_that_day_and_only_there(fresh_database):
    connection = fresh_database.connect()
    create_demo_database(connection, scale=0.05)
    before = {table: set(ask(connection, of_table("SELECT t::text FROM {} t", table))) for table in RECORDED}
    done = apply_changes(connection, NEXT_DAY)
    for table, recorded in RECORDED.items():
        query = sql.SQL("SELECT t::text, ({} AT TIME ZONE 'UTC')::date FROM {} t")
        days = ask(connection, query.format(sql.SQL(recorded), sql.Identifier("shop", table)))
        assert {day for row, day in days if (row,) not in before[table]} == {NEXT_DAY}, table
    changed = ask(
        connection,
        "SELECT array_agg(id) FROM shop.orders WHERE (created_at AT TIME ZONE 'UTC')::date < %s"
        " AND (greatest(updated_at, lines_touched_at) AT TIME ZONE 'UTC')::date = %s",
        NEXT_DAY,
        NEXT_DAY,
    )[0][0]
    assert {*done.orders_corrected, *done.orders_cancelled, *done.orders_returned} <= set(changed)
    assert done.lines_removed
    assert done.orders_late
    assert done.rows["orders"] > 0
    web = done.web
    assert web.basket_lines_removed
    assert web.baskets_ordered
    assert web.parcels_moved
    assert web.opinions_published
    assert web.vouchers_withdrawn
    assert ask(
        connection,
        "SELECT count(*) FROM shop.basket_lines WHERE id = ANY(%s)",
        list(web.basket_lines_removed),
    ) == [(0,)]
    touched = "SELECT count(*) FROM shop.baskets WHERE id = ANY(%s::uuid[]) AND state = 3 AND opened_at < %s"
    assert ask(connection, touched, list(web.baskets_ordered), NEXT_DAY) == [(len(web.baskets_ordered),)]
    assert ask(connection, "SELECT count(*) FROM shop.order_lines WHERE id = ANY(%s)", list(done.lines_removed)) == [
        (0,)
    ]
    connection.close()


def test_orders_still_add_up_after_another_day(fresh_database):
    connection = fresh_database.connect()
    create_demo_database(connection, scale=0.05)
    apply_changes(connection, NEXT_DAY)
    apply_changes(connection, date(2026, 7, 2))
    broken = ask(
        connection,
        """SELECT o.id FROM shop.orders o
        JOIN (SELECT order_id, sum(gross) AS gross, sum(rebate) AS rebate FROM shop.order_lines GROUP BY order_id) l
            ON l.order_id = o.id
        WHERE o.goods_total - o.rebate_total + o.freight + o.fees <> o.grand_total
            OR l.gross <> o.goods_total OR l.rebate > o.rebate_total""",
    )
    assert broken == []
    connection.close()


def test_the_same_day_on_the_same_data_is_the_same_and_happens_once(fresh_database):
    results = []
    connection = fresh_database.connect()
    for _ in range(2):
        with connection, connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS shop CASCADE")
        create_demo_database(connection, scale=0.02)
        apply_changes(connection, NEXT_DAY)
        results.append(digests(connection))
    assert results[0] == results[1]
    assert set(results[0]) == set(TABLES)
    with pytest.raises(ConfigurationError, match="happened already"):
        apply_changes(connection, NEXT_DAY)
    assert demo_is_present(connection, scale=0.02)
    connection.close()
