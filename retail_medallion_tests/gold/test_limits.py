"""Gold at the limits of Silver's types: one wild row must not keep a whole source out of Gold."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

import pytest

from retail_medallion.gold.recompute import compare
from retail_medallion_tests.gold.warehouse import Warehouse

MONEY = Decimal("99999999999999.9999")
QUANTITY = Decimal("999999999999999.999")
EXACT = Context(prec=80, rounding=ROUND_HALF_UP)
COST = EXACT.quantize(EXACT.multiply(MONEY, QUANTITY), Decimal("0.0001"))


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with localcontext(EXACT):
        yield


@pytest.mark.parametrize("line_type", ["sale", "return"])
def test_largest_quantities_and_amounts_are_added_and_multiplied_exactly(
    warehouse: Warehouse, source: str, line_type: str
) -> None:
    sign = -1 if line_type == "return" else 1
    warehouse.put(source, "sales", "s", discount_amount=MONEY, total_amount=MONEY, tax_included=True)
    for line in ("a", "b", "c"):
        warehouse.put(
            source,
            "sale_items",
            line,
            sale_id="s",
            product_id="p",
            line_type=line_type,
            quantity=QUANTITY,
            returned_quantity=QUANTITY,
            unit_price=MONEY,
            gross_amount=MONEY,
            tax_amount=-MONEY,
            net_amount=MONEY,
            unit_cost=MONEY,
        )
    for number in range(2):
        for kind in ("payment", "refund"):
            warehouse.put(source, "transactions", f"{kind}{number}", sale_id="s", transaction_type=kind, amount=MONEY)
    warehouse.run_all(source)

    (sale,) = warehouse.rows("fct_sale", source)
    lines = warehouse.rows("fct_sale_item", source)
    (daily,) = warehouse.rows("mart_daily_sales", source)
    tax = sum(line["tax_amount"] for line in lines)
    assert tax == -3 * MONEY
    net = sign * 2 * MONEY - tax
    assert sum(line["allocated_discount"] for line in lines) == sign * MONEY
    for row in (sale, daily):
        assert row["gross_amount"] == sign * 3 * MONEY
        assert row["net_revenue"] == net
        assert row["cost_amount"] == sign * 3 * COST
        assert row["margin_amount"] == net - sign * 3 * COST
    assert sale["units"] == sign * 3 * QUANTITY
    assert (daily["units"], daily["returned_units"]) == ((0 if sign < 0 else 3 * QUANTITY), 3 * QUANTITY)
    assert daily["discount_amount"] == sign * MONEY
    assert daily["tax_amount"] == tax
    assert (sale["paid_amount"], sale["refunded_amount"]) == (2 * MONEY, 2 * MONEY)
    with warehouse.engine.begin() as connection:
        assert not any(compare(connection, source).values())


def test_a_sale_without_lines_takes_the_largest_difference(warehouse: Warehouse, source: str) -> None:
    negative: dict[str, Any] = dict.fromkeys(("tax_amount", "shipping_amount", "other_amount"), -MONEY)
    warehouse.put(source, "sales", "s", total_amount=MONEY, subtotal_amount=MONEY, **negative)
    warehouse.run_all(source)
    (sale,) = warehouse.rows("fct_sale", source)
    assert sale["net_revenue"] == 4 * MONEY


def test_negative_line_discounts_and_change_widen_what_is_left(warehouse: Warehouse, source: str) -> None:
    warehouse.put(source, "sales", "s", discount_amount=MONEY)
    warehouse.put(source, "sale_items", "a", sale_id="s", gross_amount=MONEY, discount_amount=-MONEY)
    warehouse.put(source, "transactions", "t", sale_id="s", amount=MONEY, change_amount=-MONEY)
    warehouse.run_all(source)
    (line,) = warehouse.rows("fct_sale_item", source)
    assert (line["line_discount"], line["allocated_discount"], line["net_revenue"]) == (-MONEY, 2 * MONEY, 0)
    (transaction,) = warehouse.rows("fct_transaction", source)
    assert transaction["signed_amount"] == 2 * MONEY
