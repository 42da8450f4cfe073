"""How recently, how often and for how much persons buy, in fifths."""

from __future__ import annotations

from retail_medallion.gold.definition import ADDED_MONEY, Check, Column, GoldTable, provenance_columns
from retail_medallion.gold.tables.person_documents import PERSON_DOCUMENTS, READS
from retail_medallion.gold.tables.whole import whole

TABLE = GoldTable(
    name="mart_customer_rfm",
    kind="mart",
    grain="one person x currency of one source, if they bought something before the data horizon",
    question="How many people are in which segment, and what did they bring in the last twelve months?",
    example="""
SELECT segment, currency_code, count(*) AS people, round(avg(recency_days)) AS days_since_purchase,
       sum(monetary_12m) AS net_revenue
FROM gold.mart_customer_rfm GROUP BY 1, 2 ORDER BY 2, 5 DESC
""",
    columns=(
        *provenance_columns(),
        Column("person_key", "uuid", "person: the same in dim_customer for every account of theirs"),
        Column("currency_code", "text", "currency of the purchases; each currency is scored by itself"),
        Column("last_sale_date", "date", "day of the last purchase", references="dim_date"),
        Column("recency_days", "integer", "days from the last purchase to the last closed day"),
        Column("frequency_12m", "integer", "purchases in the twelve months before the data horizon"),
        Column("monetary_12m", ADDED_MONEY, "net revenue of those twelve months, returns deducted"),
        Column(
            "r_score",
            "smallint",
            "fifth by last purchase, 5 the most recent; ties go by person_key, here and in the other scores",
        ),
        Column("f_score", "smallint", "fifth by purchases in twelve months, 5 the most"),
        Column("m_score", "smallint", "fifth by net revenue in twelve months, 5 the most"),
        Column(
            "segment",
            "text",
            "first that fits of: champion r>=4 f>=4 m>=4, loyal r>=3 f>=4, at_risk r<=2 f>=4, big_spender m=5 r>=3,"
            " new r=5 f<=2, promising r>=3, lost r=1, hibernating",
        ),
    ),
    primary_key=("source_key", "person_key", "currency_code"),
    select="WITH "  # noqa: S608 constants only
    + PERSON_DOCUMENTS
    + """, person AS (
    SELECT d.source_key, d.person_key, d.currency_code,
           max(d.sale_date) FILTER (WHERE d.is_purchase) AS last_sale_date,
           count(d.sale_key) FILTER (
               WHERE d.is_purchase AND d.sale_date >= (%(horizon)s::date - interval '12 months')::date
           ) AS frequency_12m,
           coalesce(sum(d.net_revenue) FILTER (
               WHERE d.sale_date >= (%(horizon)s::date - interval '12 months')::date
           ), 0) AS monetary_12m
    FROM document d
    GROUP BY d.source_key, d.person_key, d.currency_code
    HAVING bool_or(d.is_purchase)
), scored AS (
    SELECT p.source_key, p.person_key, p.currency_code, p.last_sale_date, p.frequency_12m, p.monetary_12m,
           ntile(5) OVER (PARTITION BY p.currency_code ORDER BY p.last_sale_date, p.person_key) AS r_score,
           ntile(5) OVER (PARTITION BY p.currency_code ORDER BY p.frequency_12m, p.person_key) AS f_score,
           ntile(5) OVER (PARTITION BY p.currency_code ORDER BY p.monetary_12m, p.person_key) AS m_score
    FROM person p
)
SELECT s.source_key, s.person_key, s.currency_code, s.last_sale_date,
       %(horizon)s::date - 1 - s.last_sale_date AS recency_days,
       s.frequency_12m, s.monetary_12m, s.r_score, s.f_score, s.m_score,
       CASE WHEN s.r_score >= 4 AND s.f_score >= 4 AND s.m_score >= 4 THEN 'champion'
            WHEN s.r_score >= 3 AND s.f_score >= 4 THEN 'loyal'
            WHEN s.r_score <= 2 AND s.f_score >= 4 THEN 'at_risk'
            WHEN s.m_score = 5 AND s.r_score >= 3 THEN 'big_spender'
            WHEN s.r_score = 5 AND s.f_score <= 2 THEN 'new'
            WHEN s.r_score >= 3 THEN 'promising'
            WHEN s.r_score = 1 THEN 'lost'
            ELSE 'hibernating' END AS segment
FROM scored s
""",
    **whole(*READS),
    checks=(
        Check("recency_not_negative", "recency_days >= 0"),
        Check("frequency_not_negative", "frequency_12m >= 0"),
        Check("scores_are_fifths", "r_score BETWEEN 1 AND 5 AND f_score BETWEEN 1 AND 5 AND m_score BETWEEN 1 AND 5"),
    ),
    indexes=((("source_key", "currency_code", "segment"), ("monetary_12m",)), (("person_key",), ())),
)
