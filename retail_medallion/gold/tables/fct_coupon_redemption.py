"""Coupons redeemed in sales, each with its share of the sale's discount.

A coupon that lines name gets the discounts on those lines. What the sale's discount exceeds the discounts on its lines
by is shared equally over the coupons no line names, or over all of them if lines name every one. Where no line names a
coupon, the whole discount of the sale is shared equally over its coupons. Equal shares are in the currency's smallest
coin (finer where the amount is finer), the coins left over go to the smaller coupon ids, so the shares add up exactly.
"""

from __future__ import annotations

from retail_medallion.gold.definition import ADDED_MONEY, Check, Column, Consumes, GoldTable, provenance_columns
from retail_medallion.gold.tables.sale_lines import DOCUMENT_LINES, STATED_DIRECTION
from retail_medallion.gold.tables.whole import tells_whole

TABLE = GoldTable(
    name="fct_coupon_redemption",
    kind="fact",
    grain="one coupon redeemed in one sale document of fct_sale, on the document or on a line of it",
    question="How large are the sales a coupon is redeemed in, and what does it cost?",
    example="""
SELECT c.coupon_code, r.currency_code, count(*) AS redemptions, sum(r.discount_amount) AS discount,
       round(avg(r.sale_total), 2) AS average_sale
FROM gold.fct_coupon_redemption r JOIN gold.dim_coupon c USING (coupon_key)
WHERE r.is_revenue GROUP BY c.coupon_key, c.coupon_code, r.currency_code ORDER BY 3 DESC
""",
    columns=(
        Column("sale_key", "uuid", "document", references="fct_sale"),
        Column("coupon_key", "uuid", "coupon", references="dim_coupon"),
        *provenance_columns(),
        Column("redemption_date", "date", "local trading day of the sale", references="dim_date"),
        Column("customer_key", "uuid", "buyer", references="dim_customer"),
        Column("channel", "text", "where it was sold"),
        Column("currency_code", "text", "currency of all amounts"),
        Column(
            "discount_amount",
            ADDED_MONEY,
            "the coupon's share of the sale's discount; negative where the sale is a return on balance",
        ),
        Column("sale_total", "numeric(18,4)", "payable of the whole sale; negative for returns"),
        Column("is_revenue", "boolean", "the sale is neither a draft nor cancelled"),
        Column("silver_partition", "date", "partition of the sale in Silver"),
    ),
    primary_key=("sale_key", "coupon_key"),
    select="WITH "  # noqa: S608 constants only
    + DOCUMENT_LINES
    + """, of_lines AS (
    SELECT sale_id, min(direction) AS direction, sum(line_discount) AS line_discounts FROM document GROUP BY sale_id
), named AS (
    SELECT sale_id, coupon_id, sum(line_discount) AS line_discount
    FROM document WHERE coupon_id IS NOT NULL GROUP BY sale_id, coupon_id
), used AS (
    SELECT s.sale_id, unnest(s.coupon_ids) AS coupon_id
    FROM {scope} scope
    JOIN silver.sales s ON s.source_system = %(source)s AND s.sale_id = scope.id AND NOT s.is_deleted AND NOT s.is_test
    UNION
    SELECT sale_id, coupon_id FROM named
), redeemed AS (
    SELECT s.sale_id, s.business_date, s.customer_id, s.channel, s.currency_code, s.status, s.total_amount,
           s.source_system, s.winner_partition, used.coupon_id, named.line_discount,
           s.discount_amount * coalesce(of_lines.direction, """
    + STATED_DIRECTION
    + """) AS sale_discount,
           coalesce(of_lines.line_discounts, 0) AS line_discounts,
           count(named.coupon_id) OVER sale AS named_coupons, count(*) OVER sale AS coupons
    FROM used
    JOIN silver.sales s ON s.source_system = %(source)s AND s.sale_id = used.sale_id
    LEFT JOIN of_lines ON of_lines.sale_id = used.sale_id
    LEFT JOIN named ON named.sale_id = used.sale_id AND named.coupon_id = used.coupon_id
    WINDOW sale AS (PARTITION BY used.sale_id)
), left_over AS (
    SELECT redeemed.*,
           sale_discount - CASE WHEN named_coupons > 0 THEN line_discounts ELSE 0 END AS shared_discount,
           line_discount IS NULL OR named_coupons = coupons AS takes_share
    FROM redeemed
), ranked AS (
    SELECT left_over.*,
           greatest(gold.minor_digits(currency_code), min_scale(shared_discount)) AS digits,
           row_number() OVER (PARTITION BY sale_id, takes_share ORDER BY coupon_id COLLATE "C") AS place,
           count(*) OVER (PARTITION BY sale_id, takes_share) AS shares
    FROM left_over
), counted AS (
    SELECT ranked.*, trunc(shared_discount * 10::numeric ^ digits) AS coins FROM ranked
)
SELECT f.sale_key,
       gold.member_key('coupons', c.source_system, c.coupon_id) AS coupon_key, c.coupon_id AS coupon_key_of,
       gold.member_key('sources', c.source_system, c.source_system) AS source_key,
       c.business_date AS redemption_date,
       gold.member_key('customers', c.source_system, c.customer_id) AS customer_key, c.customer_id AS customer_key_of,
       c.channel, c.currency_code::text AS currency_code,
       coalesce(c.line_discount, 0) + CASE WHEN c.takes_share THEN
           (div(c.coins, c.shares) + CASE WHEN c.place <= abs(mod(c.coins, c.shares)) THEN sign(c.coins) ELSE 0 END)
           / 10::numeric ^ c.digits
       ELSE 0 END AS discount_amount,
       c.total_amount AS sale_total, c.status NOT IN ('draft', 'cancelled') AS is_revenue,
       c.winner_partition AS silver_partition
FROM counted c
JOIN gold.fct_sale f ON f.sale_key = gold.member_key('sales', c.source_system, c.sale_id)
""",
    scope_column="sale_key",
    scope_value="gold.member_key('sales', %(source)s, id)",
    all_ids="""
SELECT sale_id AS id FROM silver.sales WHERE source_system = %(source)s AND coupon_ids IS NOT NULL
UNION
SELECT sale_id FROM silver.sale_items WHERE source_system = %(source)s AND coupon_id IS NOT NULL
""",
    entity="sales",
    consumes=(Consumes("sales", "sale_id"), Consumes("sale_items", "sale_id")),
    # Silver knows the sale and fct_sale has not taken it up yet. A sale Silver does not know tells when it comes.
    waiting="""
SELECT 'sale_id' AS role, scope.id
FROM {scope} scope
JOIN silver.sales s ON s.source_system = %(source)s AND s.sale_id = scope.id AND NOT s.is_deleted AND NOT s.is_test
WHERE (cardinality(s.coupon_ids) > 0
       OR EXISTS (SELECT FROM silver.sale_items i WHERE i.source_system = s.source_system AND i.sale_id = s.sale_id
                  AND i.coupon_id IS NOT NULL AND NOT i.is_deleted))
  AND NOT EXISTS (SELECT FROM gold.fct_sale f WHERE f.sale_key = gold.member_key('sales', %(source)s, scope.id))
""",
    notifies=(
        tells_whole(
            "mart_coupon_effect",
            "redemption_date",
            "customer_key",
            "channel",
            "currency_code",
            "discount_amount",
            "is_revenue",
        ),
    ),
    silver_inputs=("sales", "sale_items"),
    gold_inputs=("dim_source", "dim_date", "dim_coupon", "dim_customer", "fct_sale"),
    checks=(Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),),
    indexes=(
        (("coupon_key", "redemption_date"), ()),
        (("customer_key", "redemption_date"), ()),
        (("source_key", "silver_partition"), ()),
    ),
    brin=("redemption_date",),
)
