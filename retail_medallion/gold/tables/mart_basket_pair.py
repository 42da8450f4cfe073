"""Products that are bought together.

The work is in the pairs, of which a basket has the square of its products. Baskets of more than 100 products, which are
wholesale orders, say little about what goes with what and are left out. A product in fewer baskets than a pair needs
cannot be in a pair that is kept: it is counted, and dropped before pairs are made. Products and baskets are numbered,
because small numbers are joined and counted in less memory than two keys of 16 bytes.
"""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, GoldTable, provenance_columns
from retail_medallion.gold.tables.whole import whole

WINDOW_DAYS = 90
"""Length of the window that ends with the last closed day."""

LARGEST_BASKET = 100
"""Different products up to which a basket counts."""

FEWEST_JOINT_SALES = 5
"""Baskets with both products from which on a pair is kept."""

TABLE = GoldTable(
    name="mart_basket_pair",
    kind="mart",
    grain=f"two products of one source that were bought together at least {FEWEST_JOINT_SALES} times in the"
    f" {WINDOW_DAYS} days before the data horizon",
    question="Which products are bought together more often than by chance?",
    example="""
SELECT a.product_name, b.product_name AS bought_with, m.sales_with_both, m.confidence_ab, m.lift
FROM gold.mart_basket_pair m
JOIN gold.dim_product a ON a.product_key = m.product_a_key
JOIN gold.dim_product b ON b.product_key = m.product_b_key
WHERE m.lift > 1 ORDER BY m.lift DESC, m.sales_with_both DESC LIMIT 20
""",
    columns=(
        *provenance_columns(),
        Column("product_a_key", "uuid", "the product with the smaller key", references="dim_product"),
        Column("product_b_key", "uuid", "the product with the larger key", references="dim_product"),
        Column("window_start", "date", "first day of the window", references="dim_date"),
        Column("window_end", "date", "last day of the window: the last closed day", references="dim_date"),
        Column(
            "baskets",
            "integer",
            f"purchases of the window with 1 to {LARGEST_BASKET} different products on their lines of type sale",
        ),
        Column("sales_with_a", "integer", "baskets with the one product"),
        Column("sales_with_b", "integer", "baskets with the other"),
        Column("sales_with_both", "integer", "baskets with both"),
        Column("support", "numeric(9,6)", "baskets with both as a fraction of all"),
        Column("confidence_ab", "numeric(9,6)", "baskets with both as a fraction of those with a"),
        Column("confidence_ba", "numeric(9,6)", "baskets with both as a fraction of those with b"),
        Column("lift", "numeric(18,6)", "how many times as often both are in a basket as if one did not go with other"),
    ),
    primary_key=("source_key", "product_a_key", "product_b_key"),
    select=f"""
WITH content AS (
    SELECT DISTINCT i.source_key, i.sale_key, i.product_key
    FROM gold.fct_sale_item i
    JOIN gold.fct_sale s ON s.sale_key = i.sale_key
    WHERE i.source_key = gold.member_key('sources', %(source)s, %(source)s)
      AND i.sale_date >= %(horizon)s::date - {WINDOW_DAYS} AND i.sale_date < %(horizon)s::date
      AND i.line_type = 'sale' AND i.product_key <> '00000000-0000-0000-0000-000000000000'
      AND s.is_revenue AND s.sale_type IN ('sale', 'exchange')
), basket AS (
    SELECT c.sale_key, row_number() OVER (ORDER BY c.sale_key)::integer AS basket_number
    FROM content c
    GROUP BY c.sale_key
    HAVING count(c.product_key) <= {LARGEST_BASKET}
), baskets AS (
    SELECT count(b.sale_key) AS baskets FROM basket b
), product AS (
    SELECT c.source_key, c.product_key, count(c.sale_key) AS sales,
           row_number() OVER (ORDER BY c.product_key)::integer AS product_number
    FROM content c
    JOIN basket b ON b.sale_key = c.sale_key
    GROUP BY c.source_key, c.product_key
    HAVING count(c.sale_key) >= {FEWEST_JOINT_SALES}
), numbered AS MATERIALIZED (
    SELECT b.basket_number, p.product_number
    FROM content c
    JOIN basket b ON b.sale_key = c.sale_key
    JOIN product p ON p.product_key = c.product_key
), pair AS (
    SELECT a.product_number AS a_number, b.product_number AS b_number, count(a.basket_number) AS sales_with_both
    FROM numbered a
    JOIN numbered b ON b.basket_number = a.basket_number AND b.product_number > a.product_number
    GROUP BY a.product_number, b.product_number
    HAVING count(a.basket_number) >= {FEWEST_JOINT_SALES}
)
SELECT a.source_key, a.product_key AS product_a_key, b.product_key AS product_b_key,
       %(horizon)s::date - {WINDOW_DAYS} AS window_start, %(horizon)s::date - 1 AS window_end,
       n.baskets, a.sales AS sales_with_a, b.sales AS sales_with_b, p.sales_with_both,
       round(p.sales_with_both::numeric / n.baskets, 6) AS support,
       round(p.sales_with_both::numeric / a.sales, 6) AS confidence_ab,
       round(p.sales_with_both::numeric / b.sales, 6) AS confidence_ba,
       round(p.sales_with_both::numeric * n.baskets / (a.sales::numeric * b.sales), 6) AS lift
FROM pair p
JOIN product a ON a.product_number = p.a_number
JOIN product b ON b.product_number = p.b_number
CROSS JOIN baskets n
""",  # noqa: S608 constants only
    **whole("fct_sale", "fct_sale_item"),
    checks=(
        Check("ordered_products", "product_a_key < product_b_key"),
        Check("often_enough", f"sales_with_both >= {FEWEST_JOINT_SALES}"),
        Check("both_among_each", "sales_with_both <= least(sales_with_a, sales_with_b)"),
        Check("each_among_all", "greatest(sales_with_a, sales_with_b) <= baskets"),
    ),
    indexes=((("source_key", "lift"), ()),),
)
