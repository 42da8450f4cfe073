"""The table that extraction and load are measured on: sale lines of 15 columns, all of one day or of several."""

from __future__ import annotations

DAY = "2026-06-20"
FIRST_DAY = "2026-06-01"
TABLE = "bench.sale_lines"

COLUMNS = """
    id bigint PRIMARY KEY, sale_id bigint NOT NULL, line_no integer NOT NULL, product_id integer NOT NULL,
    sku text NOT NULL, product_name text NOT NULL, quantity numeric(12,3) NOT NULL, unit_price numeric(12,2) NOT NULL,
    discount numeric(12,2) NOT NULL, tax numeric(12,2) NOT NULL, amount numeric(14,2) NOT NULL,
    created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, status bench.line_status NOT NULL, attrs jsonb
"""

SCHEMA = (
    "DROP SCHEMA IF EXISTS bench CASCADE",
    "CREATE SCHEMA bench",
    "CREATE TYPE bench.line_status AS ENUM ('ok', 'returned', 'void')",
)


def rows(first: int, count: int, day: str) -> str:
    """A SELECT of `count` lines whose watermark falls into one UTC day; one in four has no jsonb."""
    return f"""
        SELECT i::bigint, (i / 3)::bigint, (i % 7)::integer, (i * 7919 % 5000)::integer, 'SKU-' || (i % 5000),
               'Product name ' || (i % 5000), ((i * 31 % 9973) / 1000.0)::numeric(12,3),
               ((i * 17 % 9967) / 100.0)::numeric(12,2), ((i * 13 % 997) / 100.0)::numeric(12,2),
               ((i * 11 % 1999) / 100.0)::numeric(12,2), ((i * 7 % 99991) / 100.0)::numeric(14,2),
               timestamptz '{day} 00:00:00+00' - i % 5000 * interval '1.37 seconds',
               timestamptz '{day} 00:00:00+00' + (i - {first}) * interval '1 day' / {count},
               (ARRAY['ok', 'returned', 'void'])[1 + i % 3]::bench.line_status,
               CASE WHEN i % 4 = 0 THEN NULL ELSE jsonb_build_object('a', i, 'note', 'x"y') END
        FROM generate_series({first}::bigint, {first} + {count} - 1) AS i
    """  # noqa: S608 numbers and a constant
