"""django-oscar 4 against SQL that knows its tables and not the mapping: every row, and every change of a day."""

from __future__ import annotations

import contextlib
import datetime as dt
from decimal import Decimal

import pytest

from retail_medallion.silver.transform import transform
from retail_medallion_tests.demo.bronze import bronze_of
from retail_medallion_tests.real_systems.harness import (
    MODEL,
    LoadedSystem,
    assert_balanced,
    assert_equal,
    assert_money,
    assert_whole,
    by_key,
)
from retail_medallion_tests.real_systems.oscar_tables import EXPECTED, LINES, MONEY

# Sums of all live rows after each day, in pounds, in the order of the columns above.
SUMS = {
    "products": ("2856.03", "2834.04"),
    "sales": ("11085.55 996.17 149.37 896.94 0 10986.32", "13301.17 1210.41 178.04 1069.20 0 13159.96"),
    "transactions": ("20768.83", "24806.01"),
    "shopping_carts": ("14463.37", "17399.49"),
    "sale_items": ("5593.23 11085.55 996.17 0 10089.38", "6630.59 13301.17 1210.41 0 12090.76"),
    "cart_items": ("7238.18 14463.37", "8611.32 17399.49"),
}
# Inserted, changed and deleted between the two dumps, by entity.
CHANGES = {
    "product_categories": (0, 0, 0),
    "products": (0, 149, 1),
    "suppliers": (0, 0, 0),
    "inventory_locations": (0, 0, 0),
    "customers": (18, 0, 0),
    "payment_methods": (0, 0, 0),
    "coupons": (0, 2, 0),
    "sales": (29, 0, 0),
    "sale_items": (66, 0, 0),
    "transactions": (55, 0, 0),
    "stock_movements": (42, 0, 0),
    "shopping_carts": (39, 1, 0),  # its line went with a product that was deleted
    "cart_items": (90, 0, 1),
    "sale_fulfilments": (20, 0, 0),
    "product_reviews": (13, 0, 0),
}


def columns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("entity", EXPECTED)
def test_every_row_is_there_and_says_what_the_source_says(oscar: LoadedSystem, entity: str, day: int):
    names, query = EXPECTED[entity]
    assert_whole(oscar, entity, day, query)
    assert assert_equal(oscar, entity, day, columns(names), query) == len(by_key(oscar.source(day, query)))


def test_every_entity_that_oscar_has_is_mapped(oscar: LoadedSystem):
    assert set(oscar.mapping.entities) == set(EXPECTED)


def test_rows_add_up_and_none_is_refused(oscar: LoadedSystem):
    assert_balanced(oscar)
    for day in (1, 2):
        assert {entity: c.rejections for entity, c in oscar.all_counts(day).items() if c.rejections} == {}
        assert sum(counts.rejected for counts in oscar.all_counts(day).values()) == 0


def test_what_is_flagged_is_known(oscar: LoadedSystem):
    warnings = [{entity: c.warnings for entity, c in oscar.all_counts(day).items() if c.warnings} for day in (1, 2)]
    # Partners have no address, and nobody is promised a day.
    places = {"inventory_locations": {"inventory_locations.country_missing": 2}}
    sent = [{"sale_fulfilments": {"sale_fulfilments.not_promised": count}} for count in (104, 20)]
    assert warnings == [places | sent[0], places | sent[1]]


@pytest.mark.parametrize("entity", EXPECTED)
def test_every_change_of_the_day_arrives(oscar: LoadedSystem, entity: str):
    names, query = EXPECTED[entity]
    before, after = (by_key(oscar.source(day, query)) for day in (1, 2))
    inserted, deleted = after.keys() - before.keys(), before.keys() - after.keys()
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    assert (len(inserted), len(changed), len(deleted)) == CHANGES[entity]
    live = [oscar.live(entity, day, *columns(names)) for day in (1, 2)]
    assert live[1].keys() - live[0].keys() == inserted
    assert live[0].keys() - live[1].keys() == oscar.deleted(entity, 2) == deleted
    assert {key for key in live[0].keys() & live[1].keys() if live[0][key] != live[1][key]} == changed


@pytest.mark.parametrize("entity", EXPECTED)
def test_a_day_holds_what_changed_on_it_and_nothing_else(oscar: LoadedSystem, entity: str):
    versions: dict[str, int] = dict(
        oscar.silver(
            f"SELECT op, count(*)::int FROM silver_versions.{entity} WHERE partition_date = %s GROUP BY op",  # noqa: S608
            oscar.system.days[1],
        )
    )
    inserted, changed, deleted = CHANGES[entity]
    (mode, *others) = {block.extract.mode for block in oscar.mapping.entities[entity]}
    if mode == "snapshot":
        assert versions == {"U": len(oscar.live(entity, 2))}
    elif not others:
        assert versions == {op: n for op, n in {"U": inserted + changed, "D": deleted}.items() if n}
    else:
        # Beside the lines that changed, the keys of all the others.
        assert versions == {"U": inserted + changed, "P": len(oscar.live(entity, 2)) - inserted - changed}


def test_stock_levels_arrive_although_their_time_of_change_does_not_move(oscar: LoadedSystem):
    silent = """SELECT product_id, num_in_stock, num_allocated, date_updated FROM partner_stockrecord"""
    before, after = (by_key(oscar.source(day, silent)) for day in (1, 2))
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    assert len(changed) == 148
    assert not [key for key in changed if before[key][2] != after[key][2]]
    kept = oscar.live("products", 2, "extras")
    assert {key: (kept[key][0]["num_in_stock"], kept[key][0]["num_allocated"]) for key in changed} == {
        key: after[key][:2] for key in changed
    }


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("entity", MONEY)
def test_money_equals_the_source_to_the_cent(oscar: LoadedSystem, entity: str, day: int):
    names, query = MONEY[entity]
    sums = assert_money(oscar, entity, day, columns(names), query)
    assert sums["GBP"] == tuple(map(Decimal, SUMS[entity][day - 1].split()))
    # Three children have no stock record yet, so no price and no currency.
    assert sums.keys() - {"GBP"} == ({None} if entity == "products" else set())


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("entity", LINES)
def test_money_of_lines_equals_the_source_to_the_cent(oscar: LoadedSystem, entity: str, day: int):
    names, query = LINES[entity]
    assert_equal(oscar, entity, day, columns(names), query)
    sums = (sum(amounts) for amounts in zip(*oscar.live(entity, day, *columns(names)).values(), strict=True))
    assert tuple(sums) == tuple(map(Decimal, SUMS[entity][day - 1].split()))


def test_an_event_nobody_mapped_is_refused_and_a_delivery_is_a_time_of_its_dispatch(oscar: LoadedSystem):
    mapping, day = oscar.mapping, oscar.system.days[1]
    with contextlib.closing(oscar.databases[1].connect()) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO order_shippingeventtype (id, name, code) VALUES (9, 'Lost', 'lost')")
        cursor.execute(
            """INSERT INTO order_shippingevent (id, notes, date_created, event_type_id, order_id) VALUES
            (9001, '', '2026-11-24 09:00+00', 9, 2), (9002, '', '2026-11-24 10:00+00', 2, 3)"""
        )
        cursor.execute(
            """INSERT INTO order_shippingeventquantity (id, quantity, event_id, line_id)
            SELECT row_number() OVER () + 9000, q.quantity, CASE e.order_id WHEN 2 THEN 9001 ELSE 9002 END, q.line_id
            FROM order_shippingeventquantity q
            JOIN order_shippingevent e ON e.id = q.event_id AND e.order_id IN (2, 3)"""
        )
        blocks = {name: mapping.entities[name] for name in ("sale_fulfilments", "stock_movements")}
        inputs = {
            name: [bronze_of(connection, block, dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)) for block in held]
            for name, held in blocks.items()
        }
        # The connection is closed without a commit: the other tests never see these rows.
        found = {}
        for name, held in inputs.items():
            with transform(mapping, MODEL, name, day, held, {}) as silver:
                rejections = silver.counts.rejections
                found[name] = (
                    rejections,
                    {row[MODEL.entity(name).key]: row for row in silver.accepted().read_all().to_pylist()},
                )
    assert found["sale_fulfilments"][0] == {"G03": 1}
    assert found["stock_movements"][0].keys() == {"G03"}
    sent = found["sale_fulfilments"][1]
    assert not sent.keys() & {"9001", "9002"}
    delivered = {row["sale_id"]: row["delivered_at"] for row in sent.values() if row["status"] == "delivered"}
    assert delivered == {"3": dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC)}
