"""Products with all the categories they stand in."""

from __future__ import annotations

from retail_medallion.gold.definition import Column, Consumes, GoldTable, provenance_columns

TABLE = GoldTable(
    name="bridge_product_category",
    kind="bridge",
    grain="one product in one category, its primary one or a further one",
    question="What does each category sell, with the products it shares with other categories?",
    example="""
SELECT c.path, i.currency_code, sum(i.net_revenue) AS net_revenue,
       sum(i.net_revenue) FILTER (WHERE b.is_primary) AS net_revenue_of_own_products
FROM gold.fct_sale_item i JOIN gold.bridge_product_category b USING (product_key)
JOIN gold.dim_category c ON c.category_key = b.category_key
WHERE i.is_revenue GROUP BY c.category_key, c.path, i.currency_code ORDER BY c.path
""",
    columns=(
        Column("product_key", "uuid", "product", references="dim_product"),
        Column("category_key", "uuid", "category it stands in", references="dim_category"),
        *provenance_columns(),
        Column("is_primary", "boolean", "the product's main category; amounts by it add up to the total"),
        Column("silver_partition", "date", "partition of the product in Silver"),
    ),
    primary_key=("product_key", "category_key"),
    select="""
WITH placed AS (
    SELECT p.product_id, p.category_id
    FROM {scope} scope JOIN silver.products p ON p.source_system = %(source)s AND p.product_id = scope.id
    WHERE p.category_id IS NOT NULL
    UNION
    SELECT p.product_id, unnest(p.extra_category_ids)
    FROM {scope} scope JOIN silver.products p ON p.source_system = %(source)s AND p.product_id = scope.id
)
SELECT gold.member_key('products', p.source_system, p.product_id) AS product_key, p.product_id AS product_key_of,
       gold.member_key('product_categories', p.source_system, placed.category_id) AS category_key,
       placed.category_id AS category_key_of,
       gold.member_key('sources', p.source_system, p.source_system) AS source_key,
       placed.category_id IS NOT DISTINCT FROM p.category_id AS is_primary,
       p.winner_partition AS silver_partition
FROM placed JOIN silver.products p ON p.source_system = %(source)s AND p.product_id = placed.product_id
""",
    scope_column="product_key",
    scope_value="gold.member_key('products', %(source)s, id)",
    all_ids="SELECT product_id AS id FROM silver.products WHERE source_system = %(source)s",
    entity="products",
    consumes=(Consumes("products", "product_id"),),
    silver_inputs=("products",),
    gold_inputs=("dim_source", "dim_product", "dim_category"),
    indexes=((("category_key",), ("product_key", "is_primary")),),
)
