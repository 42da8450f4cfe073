from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from retail_medallion.gold.keys import NOT_APPLICABLE, member_key
from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import DAY, NOON, Warehouse

NEXT_DAY = DAY + dt.timedelta(days=1)
QUIET_DAY = dt.date(2026, 9, 1)
ANOTHER_QUIET_DAY = dt.date(2026, 9, 2)


def brought_up_to_date(warehouse: Warehouse, source: str, table: str) -> list[dict[str, Any]]:
    """The rows of a table after a run of everything for a day nothing arrived on; checked against a recomputation."""
    warehouse.run_all(source, QUIET_DAY)
    assert warehouse.pending(source) == set()
    with warehouse.engine.begin() as connection:
        assert not any(compare(connection, source).values())
    return warehouse.rows(table, source)


def told(warehouse: Warehouse, source: str, mart: str) -> set[str]:
    return {id_ for consumer, _, id_ in warehouse.pending(source) if consumer == mart}


def test_a_store_day_counts_purchases_returns_and_known_buyers_apart(warehouse: Warehouse, source: str) -> None:
    sell: dict[str, Any] = {"location_id": "l", "total_amount": 30}
    warehouse.put(source, "sales", "a", customer_id="u", **sell)
    warehouse.put(source, "sales", "b", customer_id="u", sold_at=NOON.replace(hour=23), **sell)
    warehouse.put(source, "sales", "c", sale_type="exchange", location_id="l", total_amount=4, discount_amount=2)
    warehouse.put(source, "sales", "d", sale_type="return", customer_id="w", location_id="l", total_amount=-10)
    warehouse.put(source, "sales", "e", status="cancelled", customer_id="x", **sell)
    for sale, quantity in (("a", 1), ("b", 3), ("c", 2)):
        amount = 4 if sale == "c" else 30
        warehouse.put(source, "sale_items", sale, sale_id=sale, quantity=quantity, gross_amount=amount)
    warehouse.put(source, "sale_items", "d", sale_id="d", line_type="return", quantity=1, gross_amount=10)
    (row,) = brought_up_to_date(warehouse, source, "mart_store_day")
    assert (row["sale_date"], row["location_key"]) == (DAY, member_key("inventory_locations", source, "l"))
    assert (row["sale_count"], row["return_count"]) == (3, 1)
    assert (row["identified_sales"], row["identified_customers"]) == (2, 1)
    assert (row["units"], row["purchase_units"], row["units_per_sale"]) == (5, 6, 2)
    assert (row["gross_amount"], row["discount_amount"], row["net_revenue"]) == (54, 2, 52)
    assert (row["purchase_revenue"], row["average_basket"]) == (62, Decimal("20.6667"))
    assert row["discount_share"] == Decimal("0.037037")
    assert row["sales_by_hour"] == [0] * 12 + [2] + [0] * 10 + [1]


def test_a_store_day_reads_hours_in_the_zone_of_the_source(warehouse: Warehouse, source: str) -> None:
    warehouse.execute("UPDATE silver_meta.source SET timezone = 'Asia/Tokyo' WHERE source_system = %s", (source,))
    warehouse.put(source, "sales", "s")
    (row,) = brought_up_to_date(warehouse, source, "mart_store_day")
    assert row["sales_by_hour"].index(1) == 21


def test_a_store_day_with_returns_alone_has_no_averages(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", sale_type="return", total_amount=-10)
    (row,) = brought_up_to_date(warehouse, source, "mart_store_day")
    assert (row["sale_count"], row["return_count"], row["net_revenue"]) == (0, 1, -10)
    assert (row["average_basket"], row["units_per_sale"], row["discount_share"]) == (None, None, None)
    assert row["location_key"] == NOT_APPLICABLE


def test_channels_and_currencies_stay_apart(warehouse: Warehouse, source: str) -> None:
    for number, (channel, currency) in enumerate([("store", "EUR"), ("web", "EUR"), ("store", "JPY")]):
        warehouse.put(source, "sales", f"s{number}", channel=channel, currency_code=currency, total_amount=number + 1)
        warehouse.put(source, "transactions", f"t{number}", sale_id=f"s{number}", currency_code=currency)
    rows = brought_up_to_date(warehouse, source, "mart_store_day")
    assert {(r["channel"], r["currency_code"]): r["net_revenue"] for r in rows} == {
        ("store", "EUR"): 1,
        ("web", "EUR"): 2,
        ("store", "JPY"): 3,
    }
    rows = warehouse.rows("mart_payment_reconciliation", source)
    assert {r["currency_code"]: (r["due_amount"], r["captured_amount"]) for r in rows} == {
        "EUR": (3, 20),
        "JPY": (3, 10),
    }
    rows = warehouse.rows("mart_daily_payments", source)
    assert {r["currency_code"]: r["captured_amount"] for r in rows} == {"EUR": 20, "JPY": 10}


def test_a_day_whose_last_sale_goes_vanishes_from_its_marts(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.put(source, "transactions", "t", sale_id="s")
    marts = ("mart_store_day", "mart_payment_reconciliation", "mart_daily_payments")
    brought_up_to_date(warehouse, source, "mart_store_day")
    assert [len(warehouse.rows(mart, source)) for mart in marts] == [1, 1, 1]
    warehouse.put(source, "sales", "s", is_deleted=True)
    brought_up_to_date(warehouse, source, "mart_store_day")
    assert [len(warehouse.rows(mart, source)) for mart in marts] == [0, 0, 1]
    warehouse.drop(source, "transactions", "t")
    assert brought_up_to_date(warehouse, source, "mart_daily_payments") == []


def test_a_sale_and_a_payment_that_change_their_date_update_both_dates(warehouse: Warehouse, source: str) -> None:
    for id_ in ("a", "b"):
        warehouse.put(source, "sales", id_, total_amount=10)
        warehouse.put(source, "transactions", id_, sale_id=id_)
    brought_up_to_date(warehouse, source, "mart_store_day")
    warehouse.put(source, "sales", "b", total_amount=10, business_date=NEXT_DAY)
    warehouse.put(source, "transactions", "b", sale_id="b", business_date=NEXT_DAY)
    for mart, date, count in (
        ("mart_store_day", "sale_date", "sale_count"),
        ("mart_payment_reconciliation", "sale_date", "sale_count"),
        ("mart_daily_payments", "transaction_date", "transaction_count"),
    ):
        rows = brought_up_to_date(warehouse, source, mart)
        assert {r[date]: r[count] for r in rows} == {DAY: 1, NEXT_DAY: 1}


def test_a_mart_hears_only_of_changes_in_columns_it_reads(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", total_amount=10)
    brought_up_to_date(warehouse, source, "mart_store_day")
    warehouse.put(source, "sales", "s", total_amount=10, sale_number="another")
    warehouse.run("fct_sale", source)
    assert told(warehouse, source, "mart_store_day") == set()
    assert told(warehouse, source, "mart_payment_reconciliation") == set()

    warehouse.put(source, "transactions", "t", sale_id="s")
    warehouse.run("fct_sale", source)
    assert told(warehouse, source, "mart_store_day") == set()
    assert told(warehouse, source, "mart_payment_reconciliation") == {DAY.isoformat()}

    warehouse.put(source, "sales", "s", total_amount=10, customer_id="u")
    warehouse.run("fct_sale", source)
    assert told(warehouse, source, "mart_store_day") == {DAY.isoformat()}


def test_a_day_that_comes_again_is_computed_again(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", business_date=DAY - dt.timedelta(days=3))
    warehouse.put(source, "transactions", "t", sale_id="s", business_date=DAY - dt.timedelta(days=3))
    warehouse.run_all(source)
    for mart in ("mart_store_day", "mart_payment_reconciliation", "mart_daily_payments"):
        report = warehouse.run(mart, source)
        assert (report.metadata["recomputed"], report.skipped) == (2, True)


def test_a_sale_counts_as_under_or_overpaid_from_one_coin_of_its_currency(warehouse: Warehouse, source: str) -> None:
    for number, (paid, total, currency) in enumerate(
        [
            ("9.995", "10", "EUR"),
            ("9.99", "10", "EUR"),
            ("10.01", "10", "EUR"),
            ("9.5", "10", "JPY"),
            ("9", "10", "JPY"),
        ]
    ):
        warehouse.put(source, "sales", str(number), total_amount=Decimal(total), currency_code=currency)
        warehouse.put(
            source, "transactions", str(number), sale_id=str(number), amount=Decimal(paid), currency_code=currency
        )
    rows = {r["currency_code"]: r for r in brought_up_to_date(warehouse, source, "mart_payment_reconciliation")}
    counts = ("sale_count", "underpaid_count", "overpaid_count")
    assert [rows["EUR"][c] for c in counts] == [3, 1, 1]
    assert [rows["JPY"][c] for c in counts] == [2, 1, 0]
    assert rows["EUR"]["difference"] == Decimal("-0.005")


def test_a_refunded_return_is_settled_and_what_is_not_completed_is_not_due(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", total_amount=30)
    warehouse.put(source, "transactions", "s", sale_id="s", amount=35, change_amount=5)
    warehouse.put(source, "sales", "r", sale_type="return", total_amount=-20)
    warehouse.put(source, "transactions", "r", sale_id="r", transaction_type="refund", amount=20)
    warehouse.put(source, "sales", "p", status="pending", total_amount=99)
    (row,) = brought_up_to_date(warehouse, source, "mart_payment_reconciliation")
    assert (row["sale_count"], row["due_amount"]) == (2, 10)
    assert (row["captured_amount"], row["refunded_amount"], row["difference"]) == (30, 20, 0)
    assert (row["underpaid_count"], row["overpaid_count"]) == (0, 0)


def test_failed_payments_count_as_attempts_and_bring_no_money(warehouse: Warehouse, source: str) -> None:
    for number, (kind, status) in enumerate(
        [
            ("payment", "succeeded"),
            ("payment", "failed"),
            ("authorisation", "failed"),
            ("capture", "pending"),
            ("refund", "succeeded"),
            ("refund", "failed"),
        ]
    ):
        values: dict[str, Any] = {"transaction_type": kind, "status": status, "payment_method_id": "m"}
        warehouse.put(source, "transactions", str(number), fee_amount=None if number else Decimal("0.25"), **values)
    warehouse.put(source, "transactions", "fee", transaction_type="fee", amount=1)
    rows = {r["payment_method_key"]: r for r in brought_up_to_date(warehouse, source, "mart_daily_payments")}
    row = rows[member_key("payment_methods", source, "m")]
    assert (row["transaction_count"], row["attempts"], row["failed"]) == (6, 3, 2)
    assert (row["captured_amount"], row["refunded_amount"], row["net_amount"]) == (10, 10, 0)
    assert (row["fee_amount"], row["failure_rate"]) == (Decimal("0.25"), Decimal("0.666667"))
    fees = rows[NOT_APPLICABLE]
    assert (fees["transaction_count"], fees["attempts"], fees["failure_rate"]) == (1, 0, None)


def test_data_quality_tells_of_every_partition_what_came_of_it_and_how_far_its_entity_lags(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.partition(source, "sales", DAY, rows_read=10, filtered=1, accepted=6, rejected=2, superseded=1)
    warehouse.partition(source, "sales", NEXT_DAY, rejections='{"G03": 2, "sales.negative": 1}', warnings='{"G05": 4}')
    warehouse.partition(source, "products", DAY)
    for number, (rule, entity) in enumerate(
        [("sales.unpaid", "sales"), ("sales.unpaid", "sales"), ("G08.customer_id", "sales"), ("G09.sku", "products")]
    ):
        warehouse.execute(
            "INSERT INTO silver_meta.finding VALUES (%s, %s, %s, %s, 'x', %s, NULL, NULL, NULL, 'error')",
            (rule, source, entity, str(number), DAY),
        )
    rows = brought_up_to_date(warehouse, source, "mart_data_quality")
    found = {(r["partition_date"], r["entity"]): r for r in rows}
    assert set(found) == {(DAY, "sales"), (NEXT_DAY, "sales"), (DAY, "products")}
    first = found[DAY, "sales"]
    assert [first[c] for c in ("rows_read", "filtered", "accepted", "rejected", "superseded")] == [10, 1, 6, 2, 1]
    assert (first["findings"], first["findings_by_rule"]) == (3, {"sales.unpaid": 2, "G08.customer_id": 1})
    second = found[NEXT_DAY, "sales"]
    assert (second["rejections"], second["warnings"]) == ({"G03": 2, "sales.negative": 1}, {"G05": 4})
    assert (second["findings"], second["findings_by_rule"]) == (0, {})
    assert {key: r["days_behind"] for key, r in found.items()} == {
        (DAY, "sales"): 0,
        (NEXT_DAY, "sales"): 0,
        (DAY, "products"): 1,
    }


def test_data_quality_follows_what_changes_and_touches_no_other_source(warehouse: Warehouse, source: str) -> None:
    other = f"{source}other"
    warehouse.add_source(other)
    for code in (source, other):
        warehouse.partition(code, "sales", DAY, accepted=5)
        warehouse.run_all(code)
    warehouse.execute("DELETE FROM silver_meta.partition_state WHERE source_system = %s", (source,))
    warehouse.partition(source, "sales", NEXT_DAY, accepted=7)
    assert not warehouse.run("mart_data_quality", source, NEXT_DAY).skipped
    assert [(r["partition_date"], r["accepted"]) for r in warehouse.rows("mart_data_quality", source)] == [
        (NEXT_DAY, 7)
    ]
    assert [r["accepted"] for r in warehouse.rows("mart_data_quality", other)] == [5]
    assert warehouse.run("mart_data_quality", source, NEXT_DAY).skipped


def outcomes(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[c] for c in ("carts", "converted", "merged", "abandoned", "open_carts"))


def test_every_cart_has_one_outcome_and_its_value_counts_there(warehouse: Warehouse, source: str) -> None:
    warehouse.horizon(source, DAY)
    warehouse.put(source, "sales", "s", total_amount=25)
    warehouse.put(source, "shopping_carts", "a", status="converted", sale_id="s", total_amount=20)
    warehouse.put(source, "shopping_carts", "b", status="merged", abandoned_at=NOON, total_amount=1)
    warehouse.put(source, "shopping_carts", "c", status="expired", checkout_started_at=NOON, total_amount=4)
    warehouse.put(source, "shopping_carts", "d", abandoned_at=NOON)
    warehouse.put(source, "shopping_carts", "e", total_amount=9)
    warehouse.put(source, "cart_items", "d1", cart_id="d", line_amount=7)
    warehouse.put(source, "cart_items", "e1", cart_id="e", removed_at=NOON)
    (row,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    assert outcomes(row) == (5, 1, 1, 2, 1)
    assert (row["with_items"], row["checkout_started"]) == (1, 2)
    assert (row["cart_value"], row["abandoned_value"], row["converted_value"]) == (41, 11, 25)
    assert (row["conversion_rate"], row["abandonment_rate"]) == (Decimal("0.2"), Decimal("0.5"))
    assert (row["device_type"], row["recovered_within_7_days"]) == ("unknown", 0)


def test_carts_of_two_currencies_and_sales_in_another_one_are_not_added(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", total_amount=3000, currency_code="JPY")
    warehouse.put(source, "shopping_carts", "a", sale_id="s", total_amount=20)
    warehouse.put(source, "shopping_carts", "b", currency_code="JPY", total_amount=500, device_type="mobile")
    rows = {r["currency_code"]: r for r in brought_up_to_date(warehouse, source, "mart_cart_funnel")}
    assert {c: (r["cart_value"], r["converted_value"], r["converted"]) for c, r in rows.items()} == {
        "EUR": (20, 0, 1),
        "JPY": (500, 0, 0),
    }
    warehouse.put(source, "sales", "s", total_amount=3000)
    rows = {r["currency_code"]: r for r in brought_up_to_date(warehouse, source, "mart_cart_funnel")}
    assert rows["EUR"]["converted_value"] == 3000


def test_a_cart_becomes_abandoned_because_the_horizon_moved_and_is_recovered_later(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.horizon(source, NEXT_DAY)
    warehouse.put(source, "shopping_carts", "c", customer_id="u")
    (row,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    assert outcomes(row) == (1, 0, 0, 0, 1)

    warehouse.horizon(source, NEXT_DAY + dt.timedelta(days=1))
    (row,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    assert outcomes(row) == (1, 0, 0, 1, 0)
    assert row["recovered_within_7_days"] == 0

    # Only the deadlines between the two horizons are looked at.
    warehouse.horizon(source, NEXT_DAY + dt.timedelta(days=9))
    assert warehouse.run("mart_cart_funnel", source, ANOTHER_QUIET_DAY).metadata["recomputed"] == 0

    warehouse.put(source, "sales", "s", customer_id="u", sold_at=NOON + dt.timedelta(days=7))
    (row,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    assert (outcomes(row), row["recovered_within_7_days"]) == ((1, 0, 0, 1, 0), 1)

    # The horizon falls back when an entity joins whose days are yet to come.
    warehouse.partition(source, "shopping_carts", DAY - dt.timedelta(days=5))
    (row,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    assert (outcomes(row), row["recovered_within_7_days"]) == ((1, 0, 0, 0, 1), 0)


def test_only_a_purchase_of_the_same_known_shopper_within_seven_days_after_recovers_a_cart(
    warehouse: Warehouse, source: str
) -> None:
    week = dt.timedelta(days=7)
    left = {"abandoned_at": NOON}
    for cart in ("u", "v", "w", "x", "y"):
        warehouse.put(source, "shopping_carts", cart, customer_id=cart, **left)
    warehouse.put(source, "shopping_carts", "nobody", **left)
    warehouse.put(source, "sales", "nobody", sold_at=NOON + week)
    for customer, values in {
        "u": {"sold_at": NOON + week},
        "v": {"sold_at": NOON + week + dt.timedelta(seconds=1)},
        "w": {"sold_at": NOON},
        "x": {"sold_at": NOON + week, "sale_type": "return"},
        "y": {"sold_at": NOON + week, "status": "cancelled"},
    }.items():
        warehouse.put(source, "sales", customer, customer_id=customer, **values)  # type: ignore[arg-type]
    (row,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    assert (row["abandoned"], row["recovered_within_7_days"]) == (6, 1)

    warehouse.put(source, "sales", "u", customer_id="v", sold_at=NOON + week)
    warehouse.put(source, "sales", "y", customer_id="y", sold_at=NOON + week)
    (row,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    assert row["recovered_within_7_days"] == 2
    warehouse.drop(source, "sales", "u")
    (row,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    assert row["recovered_within_7_days"] == 1


def test_a_purchase_concerns_only_the_days_of_carts_left_in_the_week_before(warehouse: Warehouse, source: str) -> None:
    for days in range(0, 30, 5):
        then = NOON - dt.timedelta(days=days)
        warehouse.put(
            source,
            "shopping_carts",
            f"c{days}",
            customer_id="u",
            created_at=then,
            last_activity_at=then,
            business_date=then.date(),
        )
    brought_up_to_date(warehouse, source, "mart_cart_funnel")
    warehouse.put(source, "sales", "s", customer_id="u", sold_at=NOON + dt.timedelta(hours=1))
    warehouse.run("fct_sale", source)
    assert told(warehouse, source, "mart_cart_funnel") == {f"{member_key('customers', source, 'u')}/{DAY}"}
    assert warehouse.run("mart_cart_funnel", source, ANOTHER_QUIET_DAY).metadata["recomputed"] == 2


def test_a_parcel_is_overdue_from_the_day_after_its_promise_until_it_arrives(warehouse: Warehouse, source: str) -> None:
    warehouse.horizon(source, NEXT_DAY)
    promised = {"promised_at": NOON + dt.timedelta(days=1), "created_at": NOON}
    warehouse.put(source, "sales", "s", location_id="l")
    warehouse.put(source, "sale_fulfilments", "f", carrier="DHL", **promised)
    warehouse.put(source, "sale_fulfilments", "g", carrier="DHL", status="cancelled", **promised)
    (row,) = brought_up_to_date(warehouse, source, "mart_fulfilment_service")
    assert row["location_key"] == member_key("inventory_locations", source, "l")
    counts = ("fulfilments", "cancelled", "delivered", "open_fulfilments", "open_overdue")
    assert [row[c] for c in counts] == [2, 1, 0, 1, 0]

    warehouse.horizon(source, NEXT_DAY + dt.timedelta(days=1))
    (row,) = brought_up_to_date(warehouse, source, "mart_fulfilment_service")
    assert [row[c] for c in counts] == [2, 1, 0, 1, 1]
    warehouse.horizon(source, NEXT_DAY + dt.timedelta(days=2))
    assert warehouse.run("mart_fulfilment_service", source, ANOTHER_QUIET_DAY).metadata["recomputed"] == 0

    arrived = {"status": "delivered", "delivered_at": NOON + dt.timedelta(days=3)}
    warehouse.put(source, "sale_fulfilments", "f", carrier="DHL", **promised, **arrived)  # type: ignore[arg-type]
    (row,) = brought_up_to_date(warehouse, source, "mart_fulfilment_service")
    assert [row[c] for c in counts] == [2, 1, 1, 0, 0]
    assert (row["on_time"], row["late"], row["median_hours_to_deliver"]) == (0, 1, 72)


def test_on_time_in_full_is_a_share_of_what_can_be_judged(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s")
    warehouse.put(source, "sale_items", "i", sale_id="s", quantity=2)
    hour = dt.timedelta(hours=1)
    promise = NOON + 10 * hour
    for number, (hours, quantity, promised) in enumerate(
        [(5, 2, promise), (11, 2, promise), (5, 1, promise), (5, 2, None), (5, None, promise)]
    ):
        warehouse.put(
            source,
            "sale_fulfilments",
            str(number),
            status="delivered",
            quantity=quantity,
            promised_at=promised,
            shipped_at=NOON + number * hour,
            delivered_at=NOON + hours * hour,
        )
    warehouse.put(source, "sale_fulfilments", "back", status="returned", quantity=1, delivered_at=NOON + hour)
    warehouse.put(source, "sale_fulfilments", "lost", status="failed", fulfilment_type="local_delivery")
    rows = {r["fulfilment_type"]: r for r in brought_up_to_date(warehouse, source, "mart_fulfilment_service")}
    row = rows["shipment"]
    assert row["carrier"] == "unknown"
    assert [row[c] for c in ("delivered", "on_time", "late", "in_full", "on_time_in_full")] == [6, 3, 1, 3, 1]
    assert row["otif_rate"] == Decimal("0.333333")
    assert [row[c] for c in ("returned", "failed", "open_fulfilments")] == [1, 0, 0]
    assert [row[f"{p}_hours_to_ship"] for p in ("median", "p90")] == [2, 4]
    assert [row[f"{p}_hours_in_transit"] for p in ("median", "p90")] == [3, 10]
    assert [row[f"{p}_hours_to_deliver"] for p in ("median", "p90")] == [5, 11]
    lost = rows["local_delivery"]
    assert (lost["failed"], lost["open_fulfilments"], lost["otif_rate"], lost["p90_hours_to_ship"]) == (
        1,
        0,
        None,
        None,
    )


def test_what_was_written_before_any_day_was_whole_is_judged_as_soon_as_one_is(
    warehouse: Warehouse, source: str
) -> None:
    warehouse.put(source, "shopping_carts", "c")
    warehouse.put(source, "sale_fulfilments", "f", promised_at=NOON)
    (cart,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    (parcel,) = warehouse.rows("mart_fulfilment_service", source)
    assert (cart["open_carts"], parcel["open_fulfilments"], parcel["open_overdue"]) == (1, 1, 0)
    warehouse.horizon(source, DAY + dt.timedelta(days=5))
    (cart,) = brought_up_to_date(warehouse, source, "mart_cart_funnel")
    (parcel,) = warehouse.rows("mart_fulfilment_service", source)
    assert (cart["abandoned"], parcel["open_fulfilments"], parcel["open_overdue"]) == (1, 1, 1)
