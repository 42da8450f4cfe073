"""What applications do that the dumps do not show: done in a transaction that is taken back, read by the extracts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from retail_medallion_tests.real_systems.harness import LoadedSystem


class Shop:
    """A system's database in a transaction of its own."""

    def __init__(self, loaded: LoadedSystem, connection: psycopg2.extensions.connection) -> None:
        self._mapping = loaded.mapping
        self._cursor = connection.cursor()

    def does(self, statement: str, *values: object) -> Any:
        """Change something; the first value that the statement returns, if it returns any."""
        self._cursor.execute(statement, values or None)
        row = self._cursor.fetchone() if self._cursor.description else None
        return row[0] if row else None

    def extract(self, block: str) -> dict[str, dict[str, Any]]:
        """Rows of an extract by the last column of its key."""
        found = self._mapping.block(*block.split("/"))
        assert found is not None
        assert found.extract.query is not None
        self._cursor.execute(found.extract.query)
        assert self._cursor.description is not None
        names = [column.name for column in self._cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]
        return {str(row[found.extract.key[-1]]): row for row in rows}


@contextlib.contextmanager
def _open(loaded: LoadedSystem) -> Iterator[Shop]:
    with contextlib.closing(loaded.databases[0].connect()) as connection:
        yield Shop(loaded, connection)
        connection.rollback()


@pytest.fixture
def vendure_shop(vendure: LoadedSystem) -> Iterator[Shop]:
    with _open(vendure) as shop:
        yield shop


@pytest.fixture
def saleor_shop(saleor: LoadedSystem) -> Iterator[Shop]:
    with _open(saleor) as shop:
        yield shop


def test_a_cart_that_is_placed_leaves_the_carts_with_its_lines_and_is_a_sale(vendure_shop: Shop):
    order = str(
        vendure_shop.does(
            """UPDATE "order" SET "orderPlacedAt" = '2026-11-25', state = 'PaymentAuthorized', active = false
            WHERE id = (SELECT min("orderId") FROM order_line l JOIN "order" o ON o.id = l."orderId"
            WHERE o."orderPlacedAt" IS NULL) RETURNING id"""
        )
    )
    lines = {
        key for key, row in vendure_shop.extract("sale_items/order_lines").items() if str(row["document_id"]) == order
    }
    assert lines
    assert order in vendure_shop.extract("sales/orders")
    assert order not in vendure_shop.extract("shopping_carts/open_orders")
    assert order not in vendure_shop.extract("shopping_carts/open_order_keys")
    assert not lines & vendure_shop.extract("cart_items/open_order_line_keys").keys()


def test_an_address_that_is_removed_dates_its_customer_anew(vendure_shop: Shop):
    customer = str(vendure_shop.does('DELETE FROM address WHERE id = 1 RETURNING "customerId"'))
    vendure_shop.does(
        """INSERT INTO history_entry ("createdAt", "updatedAt", type, "isPublic", data, id, discriminator, "customerId")
        VALUES ('2026-11-25', '2026-11-25', 'CUSTOMER_ADDRESS_DELETED', true, '{}', 99999,
        'customer-history-entry', %s)""",
        customer,
    )
    row = vendure_shop.extract("customers/customers")[customer]
    assert (row["city"], row["changed_at"].isoformat()) == (None, "2026-11-25T00:00:00")


def test_a_fulfilment_of_two_orders_has_none_and_is_no_more_than_one_row(vendure_shop: Shop):
    fulfilment = str(
        vendure_shop.does(
            """UPDATE order_line_reference SET "orderLineId" = (SELECT max(id) FROM order_line) WHERE id = (
            SELECT max(r.id) FROM order_line_reference r WHERE r."fulfillmentId" IN (SELECT "fulfillmentId"
            FROM order_line_reference GROUP BY 1 HAVING count(*) > 1)) RETURNING "fulfillmentId" """
        )
    )
    rows = vendure_shop.extract("sale_fulfilments/fulfillments")
    assert rows[fulfilment]["order_id"] is None
    assert len(rows) == 141


def test_a_sellers_part_of_an_order_is_not_counted_beside_the_whole(vendure_shop: Shop):
    order = str(
        vendure_shop.does("""UPDATE "order" SET type = 'Seller' WHERE id = (
        SELECT min(id) FROM "order" WHERE "orderPlacedAt" IS NOT NULL) RETURNING id""")
    )
    assert order not in vendure_shop.extract("sales/orders")
    assert order not in {str(row["document_id"]) for row in vendure_shop.extract("sale_items/order_lines").values()}


def test_a_surcharge_is_what_an_order_says_beside_its_lines(vendure_shop: Shop):
    order = str(
        vendure_shop.does("""UPDATE "order"
        SET "subTotal" = "subTotal" + 700, "subTotalWithTax" = "subTotalWithTax" + 840
        WHERE id = (SELECT min(id) FROM "order" WHERE "orderPlacedAt" IS NOT NULL) RETURNING id""")
    )
    row = vendure_shop.extract("sales/orders")[order]
    assert row["subTotal"] - (row["gross"] - row["discount"]) == 700


def test_a_new_account_takes_over_the_orders_of_its_address(saleor_shop: Shop):
    order, address = next(
        (key, saleor_shop.does("SELECT user_email FROM order_order WHERE id = %s", key))
        for key, row in saleor_shop.extract("sales/orders").items()
        if row["customer_id"] is None
        and not saleor_shop.does(
            "SELECT count(*) FROM account_user WHERE is_staff AND email = "
            "(SELECT user_email FROM order_order WHERE id = %s)",
            key,
        )
    )
    user = saleor_shop.does(
        "UPDATE account_user SET email = upper(%s) WHERE id = (SELECT min(id) FROM account_user WHERE NOT is_staff)"
        " RETURNING id",
        address,
    )
    assert saleor_shop.extract("sales/orders")[order]["customer_id"] == user


def test_what_is_sent_back_is_counted_on_its_line_and_still_was_sold(saleor_shop: Shop):
    line = str(saleor_shop.does("SELECT order_line_id FROM order_fulfillmentline WHERE id = 1"))
    moved = saleor_shop.extract("stock_movements/fulfilled_lines").keys()
    assert saleor_shop.extract("sale_items/order_lines")[line]["returned"] == 0
    saleor_shop.does(
        "UPDATE order_fulfillment SET status = 'returned' WHERE id ="
        " (SELECT fulfillment_id FROM order_fulfillmentline WHERE id = 1)"
    )
    assert saleor_shop.extract("sale_items/order_lines")[line]["returned"] == 1
    assert saleor_shop.extract("stock_movements/fulfilled_lines").keys() == moved
    saleor_shop.does("UPDATE order_fulfillment SET status = 'canceled'")
    assert not saleor_shop.extract("stock_movements/fulfilled_lines")


def test_an_event_that_no_longer_counts_and_a_draft_are_gone(saleor_shop: Shop):
    event = str(
        saleor_shop.does(
            "UPDATE payment_transactionevent SET include_in_calculations = false WHERE id ="
            " (SELECT min(id) FROM payment_transactionevent WHERE include_in_calculations) RETURNING id"
        )
    )
    assert event not in saleor_shop.extract("transactions/transaction_events")
    order = str(saleor_shop.does("UPDATE order_order SET status = 'draft' WHERE number = 1 RETURNING id"))
    assert order not in saleor_shop.extract("sales/orders")
    assert order not in {str(row["order_id"]) for row in saleor_shop.extract("sale_items/order_lines").values()}
