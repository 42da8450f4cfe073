"""Product categories with their place in the tree."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, Consumes, GoldTable, member_columns
from retail_medallion.gold.tables.category_tree import CLIMB, EVERYTHING_BELOW

TABLE = GoldTable(
    name="dim_category",
    kind="dimension",
    grain="one product category of one source",
    question="What does each top-level category sell?",
    example="""
SELECT c.level1_name, m.currency_code, sum(m.net_revenue) AS net_revenue
FROM gold.mart_daily_sales m
JOIN gold.dim_product p USING (product_key) JOIN gold.dim_category c USING (category_key)
GROUP BY 1, 2 ORDER BY 3 DESC
""",
    columns=(
        *member_columns("category_id", "category_key"),
        Column("parent_category_key", "uuid", "node above", references="dim_category"),
        Column("category_code", "text", "business code", nullable=True),
        Column("category_name", "text", "display name", inferred="label"),
        Column("path", "text", "names from the root to the node, joined by ' > '", inferred="label"),
        Column("level1_name", "text", "name of the root above the node", inferred="label"),
        Column("level2_name", "text", "name on level 2", nullable=True),
        Column("level3_name", "text", "name on level 3", nullable=True),
        Column("level4_name", "text", "name on level 4", nullable=True),
        Column("depth", "integer", "level of the node, 1 for a root", inferred="1"),
        Column("is_active", "boolean", "sellable node; empty where not known", nullable=True),
    ),
    primary_key=("category_key",),
    select="WITH RECURSIVE "  # noqa: S608 constants only
    + CLIMB
    + """, placed AS (
    SELECT leaf, array_agg(name ORDER BY cardinality(way) DESC) AS names FROM climb GROUP BY leaf
)
SELECT gold.member_key('product_categories', c.source_system, c.category_id) AS category_key,
       c.source_system, c.category_id, source.tenant, false AS is_inferred, c.is_deleted,
       c.winner_partition AS silver_partition,
       gold.member_key('product_categories', c.source_system, c.parent_category_id) AS parent_category_key,
       c.parent_category_id AS parent_category_key_of,
       c.category_code, c.category_name,
       array_to_string(placed.names, ' > ') AS path,
       placed.names[1] AS level1_name, placed.names[2] AS level2_name,
       placed.names[3] AS level3_name, placed.names[4] AS level4_name,
       cardinality(placed.names) AS depth, c.is_active
FROM placed
JOIN silver.product_categories c ON c.source_system = %(source)s AND c.category_id = placed.leaf
JOIN silver_meta.source source ON source.source_system = c.source_system
""",
    scope_column="category_key",
    scope_value="gold.member_key('product_categories', %(source)s, id)",
    all_ids="SELECT category_id AS id FROM silver.product_categories WHERE source_system = %(source)s",
    entity="product_categories",
    id_column="category_id",
    consumes=(Consumes("product_categories", "category_id"),),
    expand=EVERYTHING_BELOW,
    silver_inputs=("product_categories",),
    unique=(("source_system", "category_id"),),
    checks=(Check("depth_positive", "depth >= 1"),),
)
