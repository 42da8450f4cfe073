"""Categories with every node above them, so that one join adds up a branch of the tree whatever its depth."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, Consumes, GoldTable, provenance_columns
from retail_medallion.gold.tables.category_tree import CLIMB, EVERYTHING_BELOW

TABLE = GoldTable(
    name="bridge_category_ancestor",
    kind="bridge",
    grain="one product category and one node above it, or the category itself",
    question="What does each branch of the category tree sell, on every level?",
    example="""
SELECT a.path, i.currency_code, sum(i.net_revenue) AS net_revenue
FROM gold.fct_sale_item i JOIN gold.dim_product p USING (product_key)
JOIN gold.bridge_category_ancestor b USING (category_key)
JOIN gold.dim_category a ON a.category_key = b.ancestor_key
WHERE i.is_revenue GROUP BY a.category_key, a.path, i.currency_code ORDER BY a.path
""",
    columns=(
        Column("category_key", "uuid", "category", references="dim_category"),
        Column("ancestor_key", "uuid", "node above it, or the category itself", references="dim_category"),
        *provenance_columns(),
        Column("depth", "integer", "steps from the category up to the node, 0 for itself"),
        Column("silver_partition", "date", "partition of the category in Silver"),
    ),
    primary_key=("category_key", "ancestor_key"),
    # The last node of a walk may name one Silver does not know: it is an inferred member, and an ancestor.
    select="WITH RECURSIVE "  # noqa: S608 constants only
    + CLIMB
    + """, pair AS (
    SELECT leaf, category_id AS ancestor, cardinality(way) - 1 AS depth FROM climb
    UNION ALL
    SELECT leaf, above, cardinality(way) FROM climb
    WHERE above IS NOT NULL
      AND NOT EXISTS (SELECT FROM silver.product_categories c
                      WHERE c.source_system = %(source)s AND c.category_id = climb.above)
)
SELECT gold.member_key('product_categories', c.source_system, c.category_id) AS category_key,
       c.category_id AS category_key_of,
       gold.member_key('product_categories', c.source_system, pair.ancestor) AS ancestor_key,
       pair.ancestor AS ancestor_key_of,
       gold.member_key('sources', c.source_system, c.source_system) AS source_key,
       pair.depth, c.winner_partition AS silver_partition
FROM pair JOIN silver.product_categories c ON c.source_system = %(source)s AND c.category_id = pair.leaf
""",
    scope_column="category_key",
    scope_value="gold.member_key('product_categories', %(source)s, id)",
    all_ids="SELECT category_id AS id FROM silver.product_categories WHERE source_system = %(source)s",
    entity="product_categories",
    consumes=(Consumes("product_categories", "category_id"),),
    expand=EVERYTHING_BELOW,
    silver_inputs=("product_categories",),
    gold_inputs=("dim_source", "dim_category"),
    checks=(
        Check("depth_not_negative", "depth >= 0"),
        Check("depth_of_itself", "(depth = 0) = (category_key = ancestor_key)"),
    ),
    indexes=((("ancestor_key",), ("category_key", "depth")),),
)
