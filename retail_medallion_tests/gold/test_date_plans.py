"""A new day costs the marts by date what that day holds, not what the history holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2 import sql

from retail_medallion.embedded.postgres import EmbeddedPostgres
from retail_medallion.gold.fragments import cursor_of
from retail_medallion.gold.registry import TABLES
from retail_medallion_tests.gold.test_plans import scans
from retail_medallion_tests.gold.warehouse import Warehouse
from retail_medallion_tests.servers import fresh_database_on

SOURCE = "shop"
DAYS = 500
EACH_DAY = 40
FIRST_DAY = dt.date(2025, 1, 1)
LAST_DAY = FIRST_DAY + dt.timedelta(days=DAYS - 1)

# Of the row number n: its day, and the moment it happened.
_DAY = f"'{FIRST_DAY}'::date + n / {EACH_DAY}"
_THEN = f"('{FIRST_DAY}'::date + n / {EACH_DAY} + time '12:00') AT TIME ZONE 'UTC'"
_SOURCE_KEY = f"gold.member_key('sources', '{SOURCE}', '{SOURCE}')"
_CUSTOMER = "gold.member_key('customers', 'shop', mod(hashint4(n), 2000)::text)"

VALUES = {
    "fct_sale": {
        "sale_date": _DAY,
        "sold_at": _THEN,
        "customer_key": _CUSTOMER,
        "sale_type": "'sale'",
        "status": "'completed'",
        "is_revenue": "true",
    },
    "fct_transaction": {"transaction_date": _DAY, "occurred_at": _THEN, "status": "'succeeded'"},
    "fct_cart": {
        "created_date": _DAY,
        "customer_key": _CUSTOMER,
        "status": "'active'",
        "last_activity_at": _THEN,
        "inactivity_deadline_at": f"{_THEN} + interval '24 hours'",
        "is_converted": "false",
    },
    "fct_fulfilment": {
        "created_date": _DAY,
        "promised_date": f"{_DAY} + 2",
        "status": "'shipped'",
        "delivered_date": "NULL::date",
        "cancelled_date": "NULL::date",
        "returned_date": "NULL::date",
        "is_on_time": "NULL::boolean",
        "is_in_full": "NULL::boolean",
    },
}
ANY = {"uuid": "gen_random_uuid()", "text": "n::text", "boolean": "true", "timestamptz": _THEN, "date": _DAY}


@pytest.fixture(scope="module")
def long_history(postgres_server: EmbeddedPostgres) -> Iterator[Warehouse]:
    """Facts of many days, all of their carts and parcels open."""
    with fresh_database_on(postgres_server, prefix="gold") as database:
        made = Warehouse(database.url)
        made.add_source(SOURCE)
        for name, values in VALUES.items():
            fill(made, name, values)
        yield made
        made.engine.dispose()


def fill(warehouse: Warehouse, name: str, values: dict[str, str]) -> None:
    own = {"source_key": _SOURCE_KEY, "currency_code": "'EUR'", "sale_hour": "12", "channel": "'web'", **values}
    columns = {c.name: own.get(c.name, ANY.get(c.type, "0")) for c in TABLES[name].columns if not c.nullable}
    columns |= {column: value for column, value in values.items() if column not in columns}
    columns |= {"row_hash": ANY["uuid"]}
    statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM generate_series(0, %s - 1) n").format(
        sql.Identifier("gold", name),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(map(sql.SQL, columns.values())),
    )
    with warehouse.engine.begin() as connection, cursor_of(connection) as cursor:
        # Dimensions play no part here: neither do the keys that refer to them.
        cursor.execute("SET LOCAL session_replication_role TO replica")
        cursor.execute(statement, (DAYS * EACH_DAY,))
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("gold", name)))


MARTS = [
    "mart_store_day",
    "mart_payment_reconciliation",
    "mart_daily_payments",
    "mart_cart_funnel",
    "mart_fulfilment_service",
]
PARTS = ("select", "expand", "horizon", "mentions")


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name in MARTS for part in PARTS if getattr(TABLES[name], part) is not None]
)
def test_a_new_day_reads_no_fact_as_a_whole(long_history: Warehouse, name: str, part: str) -> None:
    parameters = {"source": SOURCE, "day": LAST_DAY, "reached": LAST_DAY - dt.timedelta(days=1), "horizon": LAST_DAY}
    customer = f"gold.member_key('customers', '{SOURCE}', '7') || '/{LAST_DAY}'"
    given = sql.Identifier("pg_temp", "given")
    with long_history.engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute("CREATE TEMP TABLE given (role text, id text) ON COMMIT DROP")
        for role, id_ in {c.role: sql.Literal(str(LAST_DAY)) for c in TABLES[name].consumes}.items():
            value = sql.SQL(customer) if role == "customer_key" else id_
            if part == "expand" or role != "customer_key":
                cursor.execute(sql.SQL("INSERT INTO given SELECT {}, {}").format(sql.Literal(role), value))
        cursor.execute("ANALYZE given")
        query = sql.SQL(getattr(TABLES[name], part)).format(scope=given, wanted=given)
        cursor.execute(sql.SQL("EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) {}").format(query), parameters)
        ((((plan,),),)) = cursor.fetchall()
    assert [s["Relation Name"] for s in scans(plan["Plan"]) if s["Schema"] == "gold"] == []
    assert most_rows(plan["Plan"]) <= 10 * EACH_DAY


def most_rows(node: dict[str, Any]) -> float:
    """The most rows any step of a plan gave, those it threw away included."""
    own = sum(node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter"))
    return max([own * node["Actual Loops"], *map(most_rows, node.get("Plans", []))])
