"""Odoo 18, on the two days of its dumps and on one more, against SQL that knows nothing of the mapping.

The SQL stands in `odoo/<entity>.sql`: its first column is the key, the others are called as in Silver.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from retail_medallion_tests.real_systems.harness import (
    Expectation,
    LoadedSystem,
    assert_balanced,
    assert_equal,
    assert_money,
    assert_whole,
    by_key,
    expectations,
)

ALL = expectations("odoo")
DAYS = (1, 2, 3)
REFUSED = {
    ("sale_fulfilments", 1): {"G01": 10},
    ("sale_fulfilments", 2): {"G01": 11},
    ("sale_fulfilments", 3): {"G01": 11},
    ("transactions", 3): {"G03": 1},
}
"""Rules that refused rows up to a day."""
CHANGES = {
    "products": ((0, 2, 0), (0, 1, 0)),
    "customers": ((20, 0, 0), (0, 1, 0)),
    "coupons": ((22, 0, 0), (0, 0, 0)),
    "stock_movements": ((114, 0, 0), (1, 0, 0)),
    "sales": ((42, 0, 0), (1, 3, 0)),
    "sale_items": ((104, 0, 0), (2, 1, 1)),
    "transactions": ((27, 0, 0), (0, 1, 0)),
    "loyalty_transactions": ((56, 0, 0), (0, 0, 3)),
    "shopping_carts": ((3, 0, 2), (0, 0, 2)),
    "cart_items": ((6, 0, 9), (0, 0, 3)),
    "sale_fulfilments": ((43, 0, 0), (0, 1, 0)),
    "product_reviews": ((10, 0, 0), (0, 0, 1)),
}
"""How many keys came, changed and went on the second and on the third day."""

each_entity = pytest.mark.parametrize("expected", ALL.values(), ids=ALL)
each_day = pytest.mark.parametrize("day", DAYS)


def test_rows_add_up_and_every_entity_is_mapped(odoo: LoadedSystem):
    assert_balanced(odoo)
    assert set(odoo.mapping.entities) == set(ALL)
    assert len(ALL) == 16


@each_day
@each_entity
def test_every_row_arrives_with_its_values(odoo: LoadedSystem, expected: Expectation, day: int):
    columns = expected.columns(odoo)
    assert_whole(odoo, expected.entity, day, expected.query)
    assert_equal(odoo, expected.entity, day, columns, expected.query)


@each_day
@each_entity
def test_what_is_refused_is_known(odoo: LoadedSystem, expected: Expectation, day: int):
    refused = [rule for rules in odoo.quarantined(expected.entity, day).values() for rule in rules]
    assert {rule: refused.count(rule) for rule in refused} == REFUSED.get((expected.entity, day), {})


@each_day
def test_deliveries_that_are_refused_belong_to_no_sale(odoo: LoadedSystem, day: int):
    found = odoo.source(
        day,
        """SELECT p.id::text FROM stock_picking p JOIN stock_picking_type t ON t.id = p.picking_type_id
        WHERE t.code = 'outgoing' AND p.sale_id IS NULL AND p.pos_order_id IS NULL""",
    )
    assert set(odoo.quarantined("sale_fulfilments", day)) == {key for (key,) in found}


def test_money_per_currency_is_what_odoo_says(odoo: LoadedSystem):
    total = """SELECT c.name, sum(amount_total) FROM (
        SELECT currency_id, amount_total FROM sale_order
        WHERE state = 'sale' OR (state = 'cancel' AND procurement_group_id > 0)
        UNION ALL SELECT 1, amount_total FROM pos_order) o JOIN res_currency c ON c.id = currency_id GROUP BY 1"""
    said: list[dict[str, Decimal]] = [dict(odoo.source(day, total)) for day in DAYS]
    assert said == [
        {"USD": Decimal("338722.97"), "EUR": Decimal("205033.68")},
        {"USD": Decimal("366518.52"), "EUR": Decimal("231066.85")},
        {"USD": Decimal("366518.52"), "EUR": Decimal("231382.21")},
    ]
    amounts = ["currency_code", "subtotal_amount", "discount_amount", "shipping_amount", "tax_amount", "total_amount"]
    query = ALL["sales"].only(odoo, amounts)
    for day in DAYS:
        sums = assert_money(odoo, "sales", day, amounts, query)
        assert {currency: held[-1] for currency, held in sums.items()} == said[day - 1]
        for gross, discount, shipping, tax, payable in sums.values():
            # A return gives its discount back, so the sign of the sum is that of no single document.
            assert abs(gross - discount + shipping + tax - payable) <= 2 * discount
    assert all("sales.header_equation" not in odoo.counts("sales", day).warnings for day in DAYS)


@pytest.mark.parametrize("day", DAYS[1:])
@each_entity
def test_what_came_changed_and_went_since_the_day_before(odoo: LoadedSystem, expected: Expectation, day: int):
    entity, columns = expected.entity, expected.columns(odoo)
    before, after = (by_key(odoo.source(number, expected.query)) for number in (day - 1, day))
    refused = set(odoo.quarantined(entity, day))
    assert odoo.deleted(entity, day) - odoo.deleted(entity, day - 1) == set(before) - set(after)
    old, new = odoo.live(entity, day - 1, *columns), odoo.live(entity, day, *columns)
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]} - refused
    assert {key for key in old.keys() & new.keys() if old[key] != new[key]} == changed
    found = (len(after.keys() - before.keys()), len(changed), len(before.keys() - after.keys()))
    assert found == CHANGES.get(entity, ((0, 0, 0), (0, 0, 0)))[day - 2]


def test_a_product_that_was_archived_is_sold_no_longer(odoo: LoadedSystem):
    archived = "SELECT id::text FROM product_product WHERE NOT active"
    gone = {key for (key,) in odoo.source(2, archived)} - {key for (key,) in odoo.source(1, archived)}
    assert len(gone) == 2
    before, after = odoo.live("products", 1, "is_active"), odoo.live("products", 2, "is_active")
    assert {before[key] + after[key] for key in gone} == {(True, False)}


def test_a_cart_that_was_deleted_takes_its_lines_along(odoo: LoadedSystem):
    assert odoo.deleted("shopping_carts", 2) == {"74", "111"}
    lines = odoo.source(1, "SELECT id::text FROM sale_order_line WHERE order_id IN (74, 111) AND display_type IS NULL")
    assert odoo.deleted("cart_items", 2) == {key for (key,) in lines}


def test_what_leaves_one_warehouse_arrives_at_another(odoo: LoadedSystem):
    ends = odoo.silver(
        """SELECT o.location_id, o.counterpart_location_id, i.location_id, i.counterpart_location_id,
            o.quantity + i.quantity
        FROM silver.stock_movements o JOIN silver.stock_movements i
            ON split_part(i.stock_movement_id, '/', 1) = split_part(o.stock_movement_id, '/', 1)
        WHERE o.movement_type = 'transfer_out' AND i.movement_type = 'transfer_in'"""
    )
    ((moved,),) = odoo.source(
        3,
        """SELECT count(*) FROM stock_move_line l JOIN stock_location f ON f.id = l.location_id
        JOIN stock_location t ON t.id = l.location_dest_id
        WHERE l.state = 'done' AND f.usage = 'internal' AND t.usage = 'internal'""",
    )
    assert len(ends) == moved > 0
    assert all((left, to) == (back, here) and left != here and units == 0 for left, to, here, back, units in ends)


def test_books_of_stock_are_what_odoo_has_on_hand(odoo: LoadedSystem):
    booked = """SELECT m.product_id, m.location_id, sum(m.quantity) FROM silver.stock_movements m
        JOIN silver.products p ON p.product_id = m.product_id AND p.is_stock_tracked
        GROUP BY 1, 2 HAVING sum(m.quantity) <> 0"""
    on_hand = """SELECT q.product_id::text, l.warehouse_id::text, sum(q.quantity) FROM stock_quant q
        JOIN stock_location l ON l.id = q.location_id WHERE l.usage = 'internal'
        GROUP BY 1, 2 HAVING sum(q.quantity) <> 0"""
    assert sorted(odoo.silver(booked)) == sorted(odoo.source(3, on_hand))


def test_a_cart_that_is_confirmed_becomes_a_sale(odoo: LoadedSystem):
    assert "360" in odoo.live("shopping_carts", 2)
    assert "360" in odoo.deleted("shopping_carts", 3)
    assert odoo.live("sales", 3, "status", "channel")["sale:360"] == ("confirmed", "web")


def test_a_cancelled_sale_stays_and_says_so(odoo: LoadedSystem):
    assert odoo.live("sales", 2, "status")["sale:380"] == ("confirmed",)
    assert odoo.live("sales", 3, "status")["sale:380"] == ("cancelled",)


def test_delivery_is_told_apart_and_dozens_are_counted_in_pieces(odoo: LoadedSystem):
    lines = odoo.live("sale_items", 3, "line_type", "quantity", "unit_price", "gross_amount")
    assert lines["sale:9001"] == ("shipping", 1, 10, 10)
    assert lines["sale:987"] == ("sale", 24, 2, 48)
    assert odoo.live("sales", 3, "shipping_amount")["sale:379"] == (10,)


def test_a_state_that_nobody_knows_is_refused_and_the_row_stays_as_it_was(odoo: LoadedSystem):
    assert odoo.quarantined("transactions", 3) == {"online:94": ["G03"]}
    assert odoo.live("transactions", 3, "status")["online:94"] == ("pending",)
