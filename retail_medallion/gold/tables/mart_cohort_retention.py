"""How many of the persons who first bought in a month come back, and what they bring."""

from __future__ import annotations

from retail_medallion.gold.definition import ADDED_MONEY, Check, Column, GoldTable, provenance_columns
from retail_medallion.gold.tables.person_documents import PERSON_DOCUMENTS, READS
from retail_medallion.gold.tables.whole import whole

TABLE = GoldTable(
    name="mart_cohort_retention",
    kind="mart",
    grain="persons of one source with their first purchase in one month and currency x month since",
    question="Do newer customers come back as often as older ones did, and what do they bring by then?",
    example="""
SELECT cohort_month, months_since, currency_code, customers, retention, cumulative_revenue_per_head
FROM gold.mart_cohort_retention WHERE months_since IN (1, 3, 6, 12) ORDER BY 3, 1, 2
""",
    columns=(
        *provenance_columns(),
        Column("cohort_month", "date", "first day of the month of the first purchase", references="dim_date"),
        Column("months_since", "integer", "months from that one on, up to the month of the last closed day; 0 is it"),
        Column("currency_code", "text", "currency of all amounts; a person has a first purchase in each"),
        Column("customers", "integer", "persons in the cohort"),
        Column("active", "integer", "those who bought in the month"),
        Column("retention", "numeric(9,6)", "active as a fraction of customers"),
        Column("net_revenue", ADDED_MONEY, "net revenue of the cohort in the month, returns deducted"),
        Column(
            "cumulative_revenue_per_head",
            ADDED_MONEY,
            "net revenue of this month and all before it since the first purchase, per person of the cohort",
        ),
    ),
    primary_key=("source_key", "cohort_month", "months_since", "currency_code"),
    select="WITH "  # noqa: S608 constants only
    + PERSON_DOCUMENTS
    + """, person AS (
    SELECT d.source_key, d.person_key, d.currency_code,
           date_trunc('month', min(d.sale_date))::date AS cohort_month
    FROM document d
    WHERE d.is_purchase
    GROUP BY d.source_key, d.person_key, d.currency_code
), cohort AS (
    SELECT p.source_key, p.cohort_month, p.currency_code, count(p.person_key) AS customers
    FROM person p
    GROUP BY p.source_key, p.cohort_month, p.currency_code
), person_month AS (
    SELECT d.person_key, d.currency_code, date_trunc('month', d.sale_date)::date AS month_start,
           bool_or(d.is_purchase) AS is_active, sum(d.net_revenue) AS net_revenue
    FROM document d
    GROUP BY d.person_key, d.currency_code, date_trunc('month', d.sale_date)
), cohort_month AS (
    SELECT p.cohort_month, p.currency_code, m.month_start,
           count(m.person_key) FILTER (WHERE m.is_active) AS active, sum(m.net_revenue) AS net_revenue
    FROM person p
    JOIN person_month m ON m.person_key = p.person_key AND m.currency_code = p.currency_code
    GROUP BY p.cohort_month, p.currency_code, m.month_start
), every_month AS (
    SELECT c.source_key, c.cohort_month, c.currency_code, c.customers, d.date_key AS month_start,
           coalesce(m.active, 0) AS active, coalesce(m.net_revenue, 0) AS net_revenue
    FROM cohort c
    JOIN gold.dim_date d
      ON d.date_key = d.month_start AND d.date_key >= c.cohort_month AND d.date_key < %(horizon)s::date
    LEFT JOIN cohort_month m
      ON m.cohort_month = c.cohort_month AND m.currency_code = c.currency_code AND m.month_start = d.date_key
)
SELECT e.source_key, e.cohort_month,
       (extract(year FROM e.month_start) - extract(year FROM e.cohort_month)) * 12
           + extract(month FROM e.month_start) - extract(month FROM e.cohort_month) AS months_since,
       e.currency_code, e.customers, e.active, round(e.active::numeric / e.customers, 6) AS retention, e.net_revenue,
       round(sum(e.net_revenue) OVER so_far / e.customers, 4) AS cumulative_revenue_per_head
FROM every_month e
WINDOW so_far AS (PARTITION BY e.cohort_month, e.currency_code ORDER BY e.month_start)
""",
    **whole(*READS),
    checks=(
        Check("cohort_is_a_month", "extract(day FROM cohort_month) = 1"),
        Check("months_since_not_negative", "months_since >= 0"),
        Check("active_among_customers", "active >= 0 AND active <= customers"),
        Check("all_active_at_first", "months_since > 0 OR active = customers"),
    ),
)
