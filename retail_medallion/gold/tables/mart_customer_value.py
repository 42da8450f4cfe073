"""What persons were worth so far, and what the next twelve months may bring."""

from __future__ import annotations

from retail_medallion.gold.definition import ADDED_MONEY, Check, Column, GoldTable, provenance_columns
from retail_medallion.gold.tables.person_documents import PERSON_DOCUMENTS, READS
from retail_medallion.gold.tables.whole import whole

TABLE = GoldTable(
    name="mart_customer_value",
    kind="mart",
    grain="one person x currency of one source, if they bought something before the data horizon",
    question="Which customers are worth most, and which of them are about to be lost?",
    example="""
SELECT v.person_key, v.currency_code, v.net_revenue, v.margin_amount, v.probability_active, v.projected_12m,
       r.segment
FROM gold.mart_customer_value v JOIN gold.mart_customer_rfm r USING (source_key, person_key, currency_code)
ORDER BY v.projected_12m DESC LIMIT 20
""",
    columns=(
        *provenance_columns(),
        Column("person_key", "uuid", "person: the same in dim_customer for every account of theirs"),
        Column("currency_code", "text", "currency of all amounts"),
        Column("orders", "integer", "purchases so far"),
        Column("net_revenue", ADDED_MONEY, "net revenue so far, returns deducted"),
        Column(
            "margin_amount",
            ADDED_MONEY,
            "margin of the documents whose margin is known: the value so far",
        ),
        Column("documents_without_margin", "integer", "documents left out of the margin"),
        Column("first_sale_date", "date", "day of the first purchase", references="dim_date"),
        Column("last_sale_date", "date", "day of the last purchase", references="dim_date"),
        Column("average_order_value", ADDED_MONEY, "net revenue of the purchases alone, per purchase"),
        Column(
            "orders_per_year",
            "numeric(18,4)",
            "purchases per 365 days since the first one; less than 90 days count as 90",
        ),
        Column(
            "average_gap_days",
            "numeric(18,2)",
            "days between consecutive purchases, on average; empty for a single purchase",
            nullable=True,
        ),
        Column("silence_days", "integer", "days from the last purchase to the last closed day"),
        Column(
            "probability_active",
            "numeric(9,6)",
            "(1 + gaps between purchases that were at least as long as the silence) / (1 + gaps): the person's own"
            " gaps, for a single purchase those of everybody in the currency",
        ),
        Column(
            "projected_12m",
            ADDED_MONEY,
            "average_order_value x orders_per_year x probability_active: what twelve months like those so far would"
            " bring; a plain extrapolation, no fitted model",
        ),
    ),
    primary_key=("source_key", "person_key", "currency_code"),
    select="WITH "  # noqa: S608 constants only
    + PERSON_DOCUMENTS
    + """, person AS (
    SELECT d.source_key, d.person_key, d.currency_code,
           count(d.sale_key) FILTER (WHERE d.is_purchase) AS orders,
           sum(d.net_revenue) AS net_revenue,
           coalesce(sum(d.margin_amount), 0) AS margin_amount,
           count(d.sale_key) FILTER (WHERE d.margin_amount IS NULL) AS documents_without_margin,
           min(d.sale_date) FILTER (WHERE d.is_purchase) AS first_sale_date,
           max(d.sale_date) FILTER (WHERE d.is_purchase) AS last_sale_date,
           sum(d.net_revenue) FILTER (WHERE d.is_purchase) AS purchase_revenue
    FROM document d
    GROUP BY d.source_key, d.person_key, d.currency_code
    HAVING bool_or(d.is_purchase)
), paced AS (
    SELECT p.source_key, p.person_key, p.currency_code, p.orders, p.net_revenue, p.margin_amount,
           p.documents_without_margin, p.first_sale_date, p.last_sale_date,
           round(p.purchase_revenue / p.orders, 4) AS average_order_value,
           round(p.orders * 365::numeric / greatest(%(horizon)s::date - p.first_sale_date, 90), 4) AS orders_per_year,
           round((p.last_sale_date - p.first_sale_date)::numeric / nullif(p.orders - 1, 0), 2) AS average_gap_days,
           %(horizon)s::date - 1 - p.last_sale_date AS silence_days
    FROM person p
), purchase AS (
    SELECT d.person_key, d.currency_code, d.sale_date,
           lag(d.sale_date) OVER (PARTITION BY d.person_key, d.currency_code ORDER BY d.sale_date) AS sale_date_before
    FROM document d
    WHERE d.is_purchase
), gap AS (
    SELECT p.person_key, p.currency_code, p.sale_date - p.sale_date_before AS days
    FROM purchase p
    WHERE p.sale_date_before IS NOT NULL
), own_gaps AS (
    SELECT p.person_key, p.currency_code, count(g.days) AS gaps,
           count(g.days) FILTER (WHERE g.days >= p.silence_days) AS long_gaps
    FROM paced p
    JOIN gap g ON g.person_key = p.person_key AND g.currency_code = p.currency_code
    GROUP BY p.person_key, p.currency_code
), gap_length AS (
    -- The silences are counted in with no gap of their own, so that the running count has a row for each of them.
    SELECT l.currency_code, l.days, sum(l.gaps) AS gaps
    FROM (SELECT g.currency_code, g.days, 1 AS gaps FROM gap g
          UNION ALL SELECT p.currency_code, p.silence_days, 0 FROM paced p) l
    GROUP BY l.currency_code, l.days
), everybodys_gaps AS (
    SELECT l.currency_code, l.days, sum(l.gaps) OVER (PARTITION BY l.currency_code) AS gaps,
           sum(l.gaps) OVER (PARTITION BY l.currency_code ORDER BY l.days DESC) AS long_gaps
    FROM gap_length l
), judged AS (
    SELECT p.source_key, p.person_key, p.currency_code, p.orders, p.net_revenue, p.margin_amount,
           p.documents_without_margin, p.first_sale_date, p.last_sale_date, p.average_order_value, p.orders_per_year,
           p.average_gap_days, p.silence_days,
           round((1 + coalesce(own.long_gaps, every.long_gaps))::numeric
                 / (1 + coalesce(own.gaps, every.gaps)), 6) AS probability_active
    FROM paced p
    JOIN everybodys_gaps every ON every.currency_code = p.currency_code AND every.days = p.silence_days
    LEFT JOIN own_gaps own ON own.person_key = p.person_key AND own.currency_code = p.currency_code
)
SELECT j.source_key, j.person_key, j.currency_code, j.orders, j.net_revenue, j.margin_amount,
       j.documents_without_margin, j.first_sale_date, j.last_sale_date, j.average_order_value, j.orders_per_year,
       j.average_gap_days, j.silence_days, j.probability_active,
       round(j.average_order_value * j.orders_per_year * j.probability_active, 4) AS projected_12m
FROM judged j
""",
    **whole(*READS),
    checks=(
        Check("bought_something", "orders > 0"),
        Check("first_before_last", "first_sale_date <= last_sale_date"),
        Check("gap_needs_two", "(average_gap_days IS NULL) = (orders = 1)"),
        Check("probability_range", "probability_active > 0 AND probability_active <= 1"),
    ),
    indexes=((("source_key", "currency_code", "projected_12m"), ()), (("person_key",), ())),
)
