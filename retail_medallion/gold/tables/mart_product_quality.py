"""What comes back of a product, and what buyers say about it."""

from __future__ import annotations

from retail_medallion.gold.definition import ADDED_QUANTITY, Check, Column, GoldTable, provenance_columns
from retail_medallion.gold.tables.whole import whole

_NOBODY = "'00000000-0000-0000-0000-000000000000'"

TABLE = GoldTable(
    name="mart_product_quality",
    kind="mart",
    grain="one month x product of one source with revenue lines or published reviews in the month",
    question="Which products come back most, and do their reviews say why?",
    example="""
SELECT p.product_name, m.month_start, m.units_sold, m.return_rate, m.average_rating, m.reviews_after_return
FROM gold.mart_product_quality m JOIN gold.dim_product p USING (product_key)
WHERE m.units_sold >= 20 ORDER BY m.return_rate DESC NULLS LAST LIMIT 20
""",
    columns=(
        *provenance_columns(),
        Column("month_start", "date", "first day of the month of the sales and of the reviews", references="dim_date"),
        Column("product_key", "uuid", "sold and reviewed unit", references="dim_product"),
        Column("units_sold", ADDED_QUANTITY, "units sold, returns not deducted"),
        Column(
            "returned_units",
            ADDED_QUANTITY,
            "units returned: on return lines of the month, or counted on the lines that were sold in it",
        ),
        # More can come back in a month than is sold in it, without limit.
        Column(
            "return_rate",
            "numeric(38,6)",
            "returned units as a fraction of units sold in the month; empty where none were",
            nullable=True,
        ),
        Column("reviews", "integer", "published reviews"),
        Column("average_rating", "numeric(3,2)", "average rating; empty without reviews", nullable=True),
        Column(
            "low_rating_share",
            "numeric(9,6)",
            "reviews with a rating of 2 or less as a fraction of all; empty without reviews",
            nullable=True,
        ),
        Column(
            "reviews_before_return",
            "integer",
            "reviews by customers who returned the product at some time, written before the day they first did",
        ),
        Column("reviews_after_return", "integer", "those written on that day or later"),
        Column(
            "rating_rank", "integer", "place in the month by rating, 1 the best; empty without reviews", nullable=True
        ),
        Column(
            "return_rank",
            "integer",
            "place in the month by return rate, 1 the lowest; empty without one",
            nullable=True,
        ),
    ),
    primary_key=("source_key", "month_start", "product_key"),
    select=f"""
WITH line AS (
    SELECT i.source_key, i.product_key, i.customer_key, i.sale_date, i.line_type, i.quantity, i.returned_quantity
    FROM gold.fct_sale_item i
    WHERE i.source_key = gold.member_key('sources', %(source)s, %(source)s) AND i.is_revenue
      AND i.product_key <> {_NOBODY}
), sold AS (
    SELECT l.source_key, date_trunc('month', l.sale_date)::date AS month_start, l.product_key,
           coalesce(sum(l.quantity) FILTER (
               WHERE l.line_type NOT IN ('return', 'shipping', 'fee', 'deposit')), 0) AS units_sold,
           coalesce(sum(CASE WHEN l.line_type = 'return' THEN -l.quantity ELSE l.returned_quantity END) FILTER (
               WHERE l.line_type NOT IN ('shipping', 'fee', 'deposit')), 0) AS returned_units
    FROM line l
    GROUP BY l.source_key, date_trunc('month', l.sale_date), l.product_key
), first_return AS (
    SELECT l.customer_key, l.product_key, min(l.sale_date) AS returned_on
    FROM line l
    WHERE l.line_type = 'return' AND l.customer_key <> {_NOBODY}
    GROUP BY l.customer_key, l.product_key
), reviewed AS (
    SELECT r.source_key, date_trunc('month', r.review_date)::date AS month_start, r.product_key,
           count(r.review_key) AS reviews, round(avg(r.rating), 2) AS average_rating,
           count(r.review_key) FILTER (WHERE r.rating <= 2) AS low_ratings,
           count(r.review_key) FILTER (WHERE r.review_date < f.returned_on) AS reviews_before_return,
           count(r.review_key) FILTER (WHERE r.review_date >= f.returned_on) AS reviews_after_return
    FROM gold.fct_review r
    LEFT JOIN first_return f ON f.customer_key = r.customer_key AND f.product_key = r.product_key
    WHERE r.source_key = gold.member_key('sources', %(source)s, %(source)s) AND r.status = 'published'
      AND r.product_key <> {_NOBODY}
    GROUP BY r.source_key, date_trunc('month', r.review_date), r.product_key
), product_month AS (
    SELECT coalesce(s.source_key, r.source_key) AS source_key, coalesce(s.month_start, r.month_start) AS month_start,
           coalesce(s.product_key, r.product_key) AS product_key,
           coalesce(s.units_sold, 0) AS units_sold, coalesce(s.returned_units, 0) AS returned_units,
           round(s.returned_units / nullif(s.units_sold, 0), 6) AS return_rate,
           coalesce(r.reviews, 0) AS reviews, r.average_rating,
           round(r.low_ratings::numeric / r.reviews, 6) AS low_rating_share,
           coalesce(r.reviews_before_return, 0) AS reviews_before_return,
           coalesce(r.reviews_after_return, 0) AS reviews_after_return
    FROM sold s
    FULL JOIN reviewed r ON r.month_start = s.month_start AND r.product_key = s.product_key
)
SELECT m.source_key, m.month_start, m.product_key, m.units_sold, m.returned_units, m.return_rate, m.reviews,
       m.average_rating, m.low_rating_share, m.reviews_before_return, m.reviews_after_return,
       CASE WHEN m.average_rating IS NOT NULL THEN
           rank() OVER (PARTITION BY m.month_start ORDER BY m.average_rating DESC NULLS LAST) END AS rating_rank,
       CASE WHEN m.return_rate IS NOT NULL THEN
           rank() OVER (PARTITION BY m.month_start ORDER BY m.return_rate NULLS LAST) END AS return_rank
FROM product_month m
""",  # noqa: S608 constants only
    **whole("fct_sale_item", "fct_review", follows_horizon=False),
    checks=(
        Check("units_not_negative", "units_sold >= 0"),
        Check("rating_with_reviews", "(average_rating IS NULL) = (reviews = 0)"),
        Check("ranks_with_values", "(rating_rank IS NULL) = (reviews = 0)"),
        Check("rate_with_units", "(return_rate IS NULL) = (units_sold = 0)"),
        Check("returners_among_reviews", "reviews_before_return + reviews_after_return <= reviews"),
    ),
    indexes=((("product_key", "month_start"), ()),),
)
