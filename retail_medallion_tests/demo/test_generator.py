from __future__ import annotations

from datetime import date
from decimal import Decimal

import phonenumbers
import pytest

from retail_medallion.demo.amounts import decimal, share, tax_inside
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import FAULTS
from retail_medallion.demo.generator import create_demo_database, demo_is_present, planted, planted_keys
from retail_medallion.demo.tables import TABLES, Rows
from retail_medallion.demo.untidy import phone
from retail_medallion.demo.vocabulary import COUNTRIES
from retail_medallion.errors import ConfigurationError, DataContractError
from retail_medallion_tests.demo.reading import ask, digests, of_table

FIRST_DAY = date(2026, 6, 17)
LAST_DAY = date(2026, 6, 30)


def test_the_same_parameters_give_the_same_rows_and_another_seed_gives_others(fresh_database, demo):
    first = digests(demo)
    connection = fresh_database.connect()
    assert create_demo_database(connection, scale=0.05).created
    assert digests(connection) == first
    create_demo_database(connection, scale=0.05, seed=7)
    other = digests(connection)
    assert {table for table in TABLES if other[table] == first[table]} == {"article_groups", "sites", "tenders"}
    connection.close()


def test_making_the_same_demo_again_does_nothing_and_says_so(fresh_database):
    connection = fresh_database.connect()
    assert not demo_is_present(connection, scale=0.01)
    connection.rollback()
    made = create_demo_database(connection, scale=0.01)
    stamp = ask(connection, "SELECT min(xmin::text) FROM shop.orders")
    again = create_demo_database(connection, scale=0.01)
    assert made.created
    assert not again.created
    assert (again.rows, again.planted) == (made.rows, made.planted)
    assert ask(connection, "SELECT min(xmin::text) FROM shop.orders") == stamp
    assert demo_is_present(connection, scale=0.01)
    assert not demo_is_present(connection, scale=0.01, end=date(2026, 6, 29))
    connection.close()


def test_a_schema_shop_that_is_not_the_demos_is_left_alone(fresh_database):
    connection = fresh_database.connect()
    ask(connection, "CREATE SCHEMA shop; CREATE TABLE shop.orders (id int); SELECT 1")
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA shop; CREATE TABLE shop.orders (id int)")
    with pytest.raises(ConfigurationError, match="did not make"):
        create_demo_database(connection, scale=0.01)
    connection.rollback()
    assert ask(connection, "SELECT count(*) FROM shop.orders") == [(0,)]
    connection.close()


@pytest.mark.parametrize("wrong", [{"scale": 0}, {"scale": 1000}, {"days": 0}])
def test_parameters_out_of_bounds_are_refused(fresh_database, wrong):
    connection = fresh_database.connect()
    with pytest.raises(ConfigurationError):
        create_demo_database(connection, **wrong)
    connection.close()


def test_every_table_holds_rows_and_says_how_many(demo):
    counts = {table: ask(demo, of_table("SELECT count(*) FROM {}", table))[0][0] for table in TABLES}
    remembered = create_demo_database(demo, scale=0.05).rows
    assert counts == remembered
    assert min(counts.values()) > 0


def test_headers_add_up_and_agree_with_their_lines_to_the_cent(demo):
    broken = ask(
        demo,
        """SELECT o.id FROM shop.orders o
        JOIN (SELECT order_id, sum(gross) AS gross, sum(rebate) AS rebate FROM shop.order_lines GROUP BY order_id) l
            ON l.order_id = o.id
        WHERE o.goods_total - o.rebate_total + o.freight + o.fees <> o.grand_total
            OR l.gross <> o.goods_total OR l.rebate > o.rebate_total""",
    )
    assert broken == []
    assert ask(
        demo, "SELECT count(*) FROM shop.orders o WHERE NOT EXISTS (SELECT FROM shop.order_lines WHERE order_id = o.id)"
    ) == [(0,)]
    assert ask(demo, "SELECT count(*) FROM shop.order_lines WHERE gross <> round(qty * unit_price, 2)") == [(0,)]


def test_most_orders_are_paid_exactly_and_a_few_are_not(demo):
    ((exact, other),) = ask(
        demo,
        """SELECT count(*) FILTER (WHERE paid = grand_total), count(*) FILTER (WHERE paid <> grand_total)
        FROM shop.orders o JOIN (SELECT order_id, sum(amount - change_given) AS paid FROM shop.payments
            WHERE kind IN (1, 3, 4, 6) AND state = 'ok' GROUP BY order_id) p ON p.order_id = o.id
        WHERE o.status = 40""",
    )
    assert 0 < other < exact / 100


def test_history_has_what_a_daily_job_stumbles_over(demo):
    def count(query: str) -> int:
        return int(ask(demo, query)[0][0])

    assert count("SELECT count(*) FROM shop.orders WHERE created_at::date > placed_at::date AND kind = 1") > 0, (
        "late tickets"
    )
    assert count("SELECT count(*) FROM shop.orders WHERE lines_touched_at::date > created_at::date") > 0, "corrections"
    assert count("SELECT count(*) FROM shop.orders WHERE lines_touched_at > updated_at") > 0, "changes of lines alone"
    assert count("SELECT count(*) FROM shop.orders WHERE kind = 2 AND grand_total < 0") > 0, "returns"
    assert count("SELECT count(*) FROM shop.orders WHERE status = 90") > 0, "cancellations"
    assert count("SELECT count(*) FROM shop.orders WHERE currency = 'GBP'") > 0, "another currency"
    assert count("SELECT count(*) FROM shop.orders WHERE channel = 'intern'") > 0, "what is not sold"
    assert count("SELECT count(*) FROM shop.clients WHERE voided_at IS NOT NULL") > 0, "soft deletes"
    removed = "SELECT max(id) - count(*) FROM shop.order_lines WHERE id < 900000000"
    assert count(removed) > 0, "hard deletes"


def test_nothing_is_recorded_after_the_last_day_and_every_recent_day_has_orders(demo):
    days = ask(
        demo,
        "SELECT DISTINCT (greatest(updated_at, lines_touched_at) AT TIME ZONE 'UTC')::date FROM shop.orders ORDER BY 1",
    )
    recent = [day for (day,) in days if day >= FIRST_DAY]
    assert len(recent) == 14
    assert recent[-1] == LAST_DAY
    for table, column in (
        ("payments", "recorded_at"),
        ("clients", "updated_at"),
        ("articles", "updated_at"),
        ("parcels", "updated_at"),
    ):
        latest = of_table(
            "SELECT max(({recorded} AT TIME ZONE 'UTC')::date) FROM {}".replace("{recorded}", column), table
        )
        assert ask(demo, latest)[0][0] <= LAST_DAY


def test_no_column_of_the_demo_is_a_float(demo):
    floats = ask(
        demo,
        "SELECT table_name, column_name FROM information_schema.columns "
        " WHERE table_schema = 'shop' AND data_type IN ('real', 'double precision')",
    )
    assert floats == []
    with Rows() as rows, pytest.raises(DataContractError):
        rows.add("order_lines", id=1, order_id=1, pos=1, gross=9.99)


def test_a_line_that_goes_is_noted_on_its_order(fresh_database):
    connection = fresh_database.connect()
    create_demo_database(connection, scale=0.01)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('shop.clock', '2026-07-01 10:00+00', true)")
        cursor.execute(
            "DELETE FROM shop.order_lines WHERE id = (SELECT min(id) FROM shop.order_lines) RETURNING order_id"
        )
        (order,) = cursor.fetchone()
        cursor.execute(
            "SELECT lines_touched_at AT TIME ZONE 'UTC', updated_at < lines_touched_at FROM shop.orders WHERE id = %s",
            (order,),
        )
        touched, alone = cursor.fetchone()
    assert str(touched) == "2026-07-01 10:00:00"
    assert alone
    connection.close()


def test_what_was_planted_is_in_the_database(demo):
    keys = planted_keys(demo)
    demo.rollback()
    counts = planted(demo)
    demo.rollback()
    assert set(counts) == set(FAULTS)
    assert all(
        counts[name]
        for name in ("own_parent", "negative_price", "nobody", "no_quantity", "card_number", "portal_quantity")
    )
    found = {
        "own_parent": "SELECT id::text FROM shop.article_groups WHERE parent_id = id",
        "negative_price": "SELECT id::text FROM shop.articles WHERE price < 0",
        "nobody": "SELECT id::text FROM shop.clients WHERE client_no IS NULL AND mail IS NULL AND phone IS NULL",
        "order_in_the_future": "SELECT id::text FROM shop.orders WHERE placed_at > '2100-01-01'",
        "unknown_status": "SELECT id::text FROM shop.orders WHERE status = 55",
        "portal_total": "SELECT 'M:' || id FROM shop.market_orders WHERE doc #>> '{totals,total}' = 'n/a'",
        "no_quantity": "SELECT id::text FROM shop.order_lines WHERE qty = 0",
        "card_number": "SELECT id::text FROM shop.payments WHERE account_hint !~ '\\*'",
        "no_amount": "SELECT id::text FROM shop.payments WHERE amount IS NULL",
    }
    for name, query in found.items():
        assert sorted(key for (key,) in ask(demo, query)) == sorted(keys[name]), name


@pytest.mark.parametrize("code", COUNTRIES)
def test_phone_numbers_people_left_are_valid_in_every_form(code):
    dice = Dice("phones", code)
    for _ in range(60):
        written = phone(dice, COUNTRIES[code])
        assert phonenumbers.is_valid_number(phonenumbers.parse(written, code)), written


def test_money_is_rounded_half_away_from_zero_in_whole_numbers():
    assert [share(5, 1, 2), share(-5, 1, 2), share(1, 1, 3)] == [3, -3, 0]
    assert tax_inside(11900, 1900) == 1900
    assert [decimal(5, 2), decimal(-5, 2), decimal(-12345, 4), decimal(None, 2)] == ["0.05", "-0.05", "-1.2345", None]
    assert Decimal(decimal(1999, 2) or "") == Decimal("19.99")
