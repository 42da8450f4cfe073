"""Product reviews, without their text."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, Consumes, GoldTable, provenance_columns
from retail_medallion.gold.tables.whole import tells_whole

TABLE = GoldTable(
    name="fct_review",
    kind="fact",
    grain="one review of one product that is not deleted, whatever its moderation",
    question="Which products are rated worst?",
    example="""
SELECT p.product_name, count(*) AS reviews, round(avg(r.rating), 2) AS average_rating
FROM gold.fct_review r JOIN gold.dim_product p USING (product_key)
WHERE r.status = 'published' GROUP BY p.product_key, p.product_name ORDER BY 3, 2 DESC LIMIT 20
""",
    columns=(
        Column("review_key", "uuid", "surrogate key"),
        *provenance_columns(),
        Column("review_id", "text", "key of the review in its source"),
        Column(
            "product_key", "uuid", "reviewed unit; not applicable where only a style is named", references="dim_product"
        ),
        Column("parent_product_id", "text", "style, where the source reviews families", nullable=True),
        Column("customer_key", "uuid", "author, else the buyer of the sale", references="dim_customer"),
        Column(
            "sale_key",
            "uuid",
            "purchase; empty without a sale, for a test sale, or until the sale is known",
            nullable=True,
            references="fct_sale",
        ),
        Column("sale_id", "text", "the sale's key in its source", nullable=True),
        Column("review_date", "date", "local date it was written on", references="dim_date"),
        Column("rating", "numeric(3,2)", "on a scale of 1 to 5"),
        Column("status", "text", "moderation"),
        Column("language_code", "text", "language of the text", nullable=True),
        Column("is_verified_source", "boolean", "the source calls it a verified purchase", nullable=True),
        Column("body_length", "integer", "characters of the text; empty without one", nullable=True),
        Column("helpful_count", "integer", "votes for it"),
        Column(
            "days_from_purchase",
            "integer",
            "days from the trading day of the sale to the review; empty where the sale is not known",
            nullable=True,
        ),
        Column("silver_partition", "date", "partition of the review in Silver"),
    ),
    primary_key=("review_key",),
    select="""
SELECT gold.member_key('product_reviews', r.source_system, r.review_id) AS review_key,
       gold.member_key('sources', r.source_system, r.source_system) AS source_key,
       r.review_id,
       gold.member_key('products', r.source_system, r.product_id) AS product_key, r.product_id AS product_key_of,
       r.parent_product_id,
       gold.member_key('customers', r.source_system, coalesce(r.customer_id, s.customer_id)) AS customer_key,
       coalesce(r.customer_id, s.customer_id) AS customer_key_of,
       CASE WHEN s.sale_id IS NOT NULL THEN f.sale_key END AS sale_key, r.sale_id,
       r.business_date AS review_date, r.rating, r.status, r.language_code,
       r.is_verified_purchase AS is_verified_source, char_length(r.body) AS body_length, r.helpful_count,
       r.business_date - s.business_date AS days_from_purchase,
       r.winner_partition AS silver_partition
FROM {scope} scope
JOIN silver.product_reviews r ON r.source_system = %(source)s AND r.review_id = scope.id AND NOT r.is_deleted
LEFT JOIN silver.sales s ON s.source_system = r.source_system AND s.sale_id = r.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
LEFT JOIN gold.fct_sale f ON f.sale_key = gold.member_key('sales', r.source_system, r.sale_id)
""",
    scope_column="review_key",
    scope_value="gold.member_key('product_reviews', %(source)s, id)",
    all_ids="SELECT review_id AS id FROM silver.product_reviews WHERE source_system = %(source)s",
    entity="product_reviews",
    consumes=(Consumes("product_reviews", "review_id"), Consumes("sales", "sale_id")),
    expand="""
SELECT id FROM {wanted} WHERE role = 'review_id'
UNION
SELECT r.review_id FROM {wanted} wanted
JOIN silver.product_reviews r ON r.source_system = %(source)s AND r.sale_id = wanted.id
WHERE wanted.role = 'sale_id'
""",
    # Written already, without its sale: Silver knows the sale and fct_sale has not taken it up yet.
    waiting="""
SELECT 'review_id' AS role, r.review_id AS id
FROM {scope} scope
JOIN silver.product_reviews r ON r.source_system = %(source)s AND r.review_id = scope.id AND NOT r.is_deleted
JOIN silver.sales s ON s.source_system = r.source_system AND s.sale_id = r.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
WHERE NOT EXISTS (SELECT FROM gold.fct_sale f WHERE f.sale_key = gold.member_key('sales', r.source_system, r.sale_id))
""",
    notifies=(tells_whole("mart_product_quality", "product_key", "customer_key", "review_date", "rating", "status"),),
    silver_inputs=("product_reviews", "sales"),
    gold_inputs=("dim_source", "dim_date", "dim_product", "dim_customer", "fct_sale"),
    unique=(("source_key", "review_id"),),
    checks=(
        Check("rating_range", "rating BETWEEN 1 AND 5"),
        Check("body_length_not_negative", "body_length >= 0"),
    ),
    indexes=(
        (("product_key", "review_date"), ("rating",)),
        (("customer_key", "review_date"), ()),
        (("sale_key",), ()),
        (("source_key", "silver_partition"), ()),
    ),
    brin=("review_date",),
)
