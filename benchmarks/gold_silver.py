"""Current Silver of a made-up source, inserted as the Silver writer would have left it.

It has days of sales with lines, payments and stock movements, all of the same products, customers and places.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class, whatever psycopg2 calls it

SOURCE = "bench"
FIRST_DAY = dt.date(2023, 1, 1)
PRODUCTS, CUSTOMERS, PLACES = 400, 5_000, 4
LINES_PER_SALE = 3

_PROVENANCE = "is_deleted, load_id, bronze_row, ingested_at, dq_flags, winner_partition, effective_partition"
_PROVED = "false, '00000000-0000-0000-0000-000000000000', 0, '2026-01-01', '{}', d.day, d.day"

_MEMBERS = """
INSERT INTO silver_meta.source (source_system, tenant, name, timezone, currency, country, language, first_partition,
                                mapping_version)
VALUES ('bench', 'bench', 'bench', 'UTC', 'EUR', 'DE', 'de', %(first)s, 'v1');
INSERT INTO silver.product_categories (source_system, category_id, parent_category_id, category_name, is_active, {p})
SELECT 'bench', 'c' || n, CASE WHEN n > 5 THEN 'c' || n %% 5 + 1 END, 'Category ' || n, true, {v}
FROM generate_series(1, 25) n, (SELECT %(first)s::date AS day) d;
INSERT INTO silver.products (source_system, product_id, product_name, product_type, unit_of_measure, category_id,
                             is_active, is_stock_tracked, {p})
SELECT 'bench', 'p' || n, 'Product ' || n, 'goods', 'EA', 'c' || n %% 25 + 1, true, true, {v}
FROM generate_series(1, {products}) n, (SELECT %(first)s::date AS day) d;
INSERT INTO silver.inventory_locations (source_system, location_id, location_name, location_type, is_active, {p})
SELECT 'bench', 'w' || n, 'Store ' || n, 'store', true, {v}
FROM generate_series(1, {places}) n, (SELECT %(first)s::date AS day) d;
INSERT INTO silver.customers (source_system, customer_id, customer_type, is_guest, is_active, {p})
SELECT 'bench', 'u' || n, 'person', false, true, {v}
FROM generate_series(1, {customers}) n, (SELECT %(first)s::date AS day) d;
INSERT INTO silver.payment_methods (source_system, payment_method_id, method_name, method_type, is_online, is_active,
                                    {p})
SELECT 'bench', 'm1', 'Cash', 'cash', false, true, {v} FROM (SELECT %(first)s::date AS day) d
"""

_SALES = """
INSERT INTO silver.sales (source_system, sale_id, sale_type, channel, status, customer_id, location_id, sold_at,
    business_date, currency_code, discount_amount, tax_amount, tax_included, shipping_amount, other_amount,
    total_amount, is_test, {p})
SELECT 'bench', 's' || n, 'sale', CASE n %% 4 WHEN 0 THEN 'web' ELSE 'store' END, 'completed',
       CASE WHEN n %% 3 > 0 THEN 'u' || n * 31 %% {customers} + 1 END, 'w' || n %% {places} + 1,
       d.day + n %% 1440 * interval '1 minute', d.day, 'EUR', CASE WHEN n %% 10 = 0 THEN 1.5 ELSE 0 END,
       4.79, true, 0, 0, 30, false, {v}
FROM generate_series(%(from)s - %(first)s, %(last)s - %(first)s) AS i,
     generate_series(i * %(sales)s::bigint, (i + 1) * %(sales)s - 1) n,
     LATERAL (SELECT (%(first)s::date + i) AS day) d
"""

_LINES = """
INSERT INTO silver.sale_items (source_system, sale_item_id, sale_id, line_number, line_type, product_id, quantity,
    returned_quantity, unit_price, unit_cost, gross_amount, discount_amount, tax_amount, net_amount, {p})
SELECT 'bench', 'i' || n || '-' || l, 's' || n, l, 'sale', 'p' || (n * 7 + l * 131) %% {products} + 1, 1, 0, 10, 6.2,
       10, 0, 1.5966, 10, {v}
FROM generate_series(%(from)s - %(first)s, %(last)s - %(first)s) AS i,
     generate_series(i * %(sales)s::bigint, (i + 1) * %(sales)s - 1) n,
     generate_series(1, {lines}) l, LATERAL (SELECT (%(first)s::date + i) AS day) d
"""

_PAYMENTS = """
INSERT INTO silver.transactions (source_system, transaction_id, sale_id, transaction_type, status, payment_method_id,
    amount, currency_code, change_amount, occurred_at, business_date, {p})
SELECT 'bench', 't' || n, 's' || n, 'payment', 'succeeded', 'm1', 28.5, 'EUR', 0, d.day + interval '12 hours',
       d.day, {v}
FROM generate_series(%(from)s - %(first)s, %(last)s - %(first)s) AS i,
     generate_series(i * %(sales)s::bigint, (i + 1) * %(sales)s - 1) n,
     LATERAL (SELECT (%(first)s::date + i) AS day) d
"""

_MOVEMENTS = """
INSERT INTO silver.stock_movements (source_system, stock_movement_id, product_id, location_id, movement_type, quantity,
    unit_cost, currency_code, occurred_at, business_date, {p})
SELECT 'bench', 'v' || n || '-' || l, 'p' || (n * 7 + l * 131) %% {products} + 1, 'w' || n %% {places} + 1,
       CASE WHEN n %% 2 = 0 THEN 'sale_issue' ELSE 'purchase_receipt' END, CASE WHEN n %% 2 = 0 THEN -1 ELSE 1 END,
       6.2, 'EUR', d.day + interval '12 hours', d.day, {v}
FROM generate_series(%(from)s - %(first)s, %(last)s - %(first)s) AS i,
     generate_series(i * %(sales)s::bigint, (i + 1) * %(sales)s - 1) n,
     generate_series(1, {lines}) l, LATERAL (SELECT (%(first)s::date + i) AS day) d
"""

_STATE = """
INSERT INTO silver_meta.partition_state (source_system, entity, partition_date, load_id, mode, observed, rows_read,
    filtered, mapped, accepted, rejected, superseded, rejections, warnings, control_totals, covered_rows)
SELECT 'bench', e, day, gen_random_uuid(), 'changed', true, 0, 0, 0, 0, 0, 0, '{{}}', '{{}}', '{{}}', '{{}}'
FROM unnest(%(entities)s) e, generate_series(%(from)s::date, %(last)s::date, '1 day') day
"""

_NEWS = """
INSERT INTO meta.pending (consumer, source_system, role, id)
SELECT c.consumer, 'bench', c.role, named.id
FROM meta.consumer c
JOIN (
    SELECT 'sales' AS entity, 'sale_id' AS role, sale_id AS id FROM silver.sales WHERE winner_partition >= %(from)s
    UNION ALL SELECT 'sales', 'customer_id', customer_id FROM silver.sales
              WHERE winner_partition >= %(from)s AND customer_id IS NOT NULL
    UNION ALL SELECT 'sale_items', 'sale_id', sale_id FROM silver.sale_items WHERE winner_partition >= %(from)s
    UNION ALL SELECT 'transactions', 'sale_id', sale_id FROM silver.transactions WHERE winner_partition >= %(from)s
    UNION ALL SELECT 'transactions', 'transaction_id', transaction_id FROM silver.transactions
              WHERE winner_partition >= %(from)s
    UNION ALL SELECT 'stock_movements', 'stock_movement_id', stock_movement_id FROM silver.stock_movements
              WHERE winner_partition >= %(from)s
) named ON named.entity = c.entity AND named.role = c.role
GROUP BY 1, 2, 3, 4
ON CONFLICT (consumer, source_system, role, id) DO UPDATE SET seq = nextval('meta.pending_seq')
"""

ENTITIES = (
    "product_categories",
    "products",
    "inventory_locations",
    "customers",
    "payment_methods",
    "sales",
    "sale_items",
    "transactions",
    "stock_movements",
)


def make_members(cursor: Cursor) -> None:
    """Insert the source, and what its sales refer to."""
    cursor.execute(_composed(_MEMBERS), {"first": FIRST_DAY})


def make_days(cursor: Cursor, days: Sequence[dt.date], sales_a_day: int, *, stock: bool = True) -> None:
    """Insert consecutive days of sales, with lines, payments and, if wanted, stock movements."""
    values = {"first": FIRST_DAY, "from": days[0], "last": days[-1], "sales": sales_a_day, "entities": list(ENTITIES)}
    for statement in (_SALES, _LINES, _PAYMENTS, *((_MOVEMENTS,) if stock else ()), _STATE):
        cursor.execute(_composed(statement), values)


def tell_gold(cursor: Cursor, first: dt.date) -> None:
    """Make pending what the Silver writer would have, for the days from the first one on."""
    cursor.execute(_NEWS, {"from": first})


def prepare(connection: sa.Connection) -> None:
    """Make the tables of Silver and Gold."""
    from retail_medallion.gold.schema import ensure_schema as ensure_gold
    from retail_medallion.model import load_model
    from retail_medallion.silver.schema import ensure_schema

    ensure_schema(connection, load_model())
    ensure_gold(connection)


def _composed(template: str) -> str:
    return template.format(
        p=_PROVENANCE, v=_PROVED, products=PRODUCTS, customers=CUSTOMERS, places=PLACES, lines=LINES_PER_SALE
    )
