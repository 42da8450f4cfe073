"""What orders with a coupon look like beside orders without one, and beside what the redeemers bought before."""

from __future__ import annotations

from retail_medallion.gold.definition import ADDED_MONEY, Check, Column, GoldTable, provenance_columns
from retail_medallion.gold.tables.whole import whole

PRIOR_DAYS = 90
"""Days before a redemption whose purchases it is compared with."""

_NOBODY = "'00000000-0000-0000-0000-000000000000'"

TABLE = GoldTable(
    name="mart_coupon_effect",
    kind="mart",
    grain="one coupon x month x currency of one source with revenue redemptions before the data horizon",
    question="What do orders with a coupon bring, beside those without one?",
    example="""
SELECT c.coupon_code, m.month_start, m.currency_code, m.redemptions, m.new_customer_share, m.discount_amount,
       m.average_order_with, m.average_order_without, m.prior_90_average_order
FROM gold.mart_coupon_effect m JOIN gold.dim_coupon c USING (coupon_key)
ORDER BY m.discount_amount DESC LIMIT 20
""",
    columns=(
        *provenance_columns(),
        Column("coupon_key", "uuid", "coupon", references="dim_coupon"),
        Column("month_start", "date", "first day of the month of the redemptions", references="dim_date"),
        Column("currency_code", "text", "currency of all amounts"),
        Column("redemptions", "integer", "sale documents the coupon was redeemed in"),
        Column("customers", "integer", "different known buyers"),
        Column(
            "new_customer_share",
            "numeric(9,6)",
            "of the redemptions by known buyers, the fraction in the buyer's first purchase; empty without any",
            nullable=True,
        ),
        Column("discount_amount", ADDED_MONEY, "the coupon's share of the discounts of these documents"),
        Column("net_revenue", ADDED_MONEY, "net revenue of these documents"),
        Column("margin_amount", ADDED_MONEY, "margin of those of them whose margin is known"),
        Column("average_order_with", ADDED_MONEY, "net revenue per redemption"),
        Column(
            "average_order_without",
            ADDED_MONEY,
            "average, over the redemptions, of the average purchase without any coupon in the same month, channel and"
            " currency; empty where there is none. Beside average_order_with it describes; that the coupon made the"
            " difference does not follow",
            nullable=True,
        ),
        Column(
            "prior_90_average_order",
            ADDED_MONEY,
            f"average purchase of these buyers in the {PRIOR_DAYS} days before they first redeemed the coupon in the"
            " month; empty where there is none",
            nullable=True,
        ),
        Column(
            "uplift",
            ADDED_MONEY,
            "average_order_with less prior_90_average_order; descriptive, not causal",
            nullable=True,
        ),
    ),
    primary_key=("source_key", "coupon_key", "month_start", "currency_code"),
    select=f"""
WITH redemption AS (
    SELECT r.source_key, r.coupon_key, date_trunc('month', r.redemption_date)::date AS month_start, r.currency_code,
           r.sale_key, r.customer_key, r.redemption_date, r.channel, r.discount_amount, s.net_revenue, s.margin_amount,
           r.customer_key <> {_NOBODY} AS is_identified
    FROM gold.fct_coupon_redemption r
    JOIN gold.fct_sale s ON s.sale_key = r.sale_key
    WHERE r.source_key = gold.member_key('sources', %(source)s, %(source)s) AND r.is_revenue
      AND r.redemption_date < %(horizon)s::date
), purchase AS (
    SELECT s.sale_key, s.customer_key, s.sale_date, s.sold_at, s.channel, s.currency_code, s.net_revenue
    FROM gold.fct_sale s
    WHERE s.source_key = gold.member_key('sources', %(source)s, %(source)s) AND s.is_revenue
      AND s.sale_type IN ('sale', 'exchange')
), first_purchase AS (
    SELECT DISTINCT ON (p.customer_key) p.customer_key, p.sale_key
    FROM purchase p
    WHERE p.customer_key IN (SELECT r.customer_key FROM redemption r WHERE r.is_identified)
    ORDER BY p.customer_key, p.sale_date, p.sold_at, p.sale_key
), without_coupon AS (
    SELECT date_trunc('month', p.sale_date)::date AS month_start, p.channel, p.currency_code,
           avg(p.net_revenue) AS average_order
    FROM purchase p
    WHERE NOT EXISTS (SELECT FROM gold.fct_coupon_redemption r WHERE r.sale_key = p.sale_key)
    GROUP BY date_trunc('month', p.sale_date), p.channel, p.currency_code
), redeemer AS (
    SELECT r.coupon_key, r.month_start, r.currency_code, r.customer_key, min(r.redemption_date) AS first_redeemed
    FROM redemption r
    WHERE r.is_identified
    GROUP BY r.coupon_key, r.month_start, r.currency_code, r.customer_key
), prior AS (
    SELECT d.coupon_key, d.month_start, d.currency_code, round(avg(p.net_revenue), 4) AS average_order
    FROM redeemer d
    JOIN purchase p ON p.customer_key = d.customer_key AND p.currency_code = d.currency_code
     AND p.sale_date >= d.first_redeemed - {PRIOR_DAYS} AND p.sale_date < d.first_redeemed
    GROUP BY d.coupon_key, d.month_start, d.currency_code
), effect AS (
    SELECT r.source_key, r.coupon_key, r.month_start, r.currency_code, count(r.sale_key) AS redemptions,
           count(DISTINCT r.customer_key) FILTER (WHERE r.is_identified) AS customers,
           round(count(f.sale_key)::numeric / nullif(count(r.sale_key) FILTER (WHERE r.is_identified), 0), 6)
               AS new_customer_share,
           sum(r.discount_amount) AS discount_amount, sum(r.net_revenue) AS net_revenue,
           coalesce(sum(r.margin_amount), 0) AS margin_amount,
           round(sum(r.net_revenue) / count(r.sale_key), 4) AS average_order_with,
           round(avg(w.average_order), 4) AS average_order_without
    FROM redemption r
    LEFT JOIN first_purchase f ON f.sale_key = r.sale_key AND r.is_identified
    LEFT JOIN without_coupon w
      ON w.month_start = r.month_start AND w.channel = r.channel AND w.currency_code = r.currency_code
    GROUP BY r.source_key, r.coupon_key, r.month_start, r.currency_code
)
SELECT e.source_key, e.coupon_key, e.month_start, e.currency_code, e.redemptions, e.customers, e.new_customer_share,
       e.discount_amount, e.net_revenue, e.margin_amount, e.average_order_with, e.average_order_without,
       p.average_order AS prior_90_average_order, e.average_order_with - p.average_order AS uplift
FROM effect e
LEFT JOIN prior p
  ON p.coupon_key = e.coupon_key AND p.month_start = e.month_start AND p.currency_code = e.currency_code
""",  # noqa: S608 constants only
    **whole("fct_sale", "fct_coupon_redemption"),
    checks=(
        Check("redeemed", "redemptions > 0"),
        Check("customers_among_redemptions", "customers BETWEEN 0 AND redemptions"),
        Check("new_among_identified", "(new_customer_share IS NULL) = (customers = 0)"),
        Check("uplift_with_prior", "(uplift IS NULL) = (prior_90_average_order IS NULL)"),
    ),
    indexes=((("source_key", "month_start"), ()),),
)
