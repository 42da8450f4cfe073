"""The financial calendar of each source: one row per source and day, a function of two of its settings."""

from __future__ import annotations

from retail_medallion.gold.definition import ALL, Check, Column, Consumes, GoldTable, provenance_columns

# A year runs up to the next one's first day. The Monday nearest to a day is that of the week three days later.
_SELECT = """
WITH settings AS (
    SELECT s.source_system, s.fiscal_first_month AS first_month, s.fiscal_pattern AS pattern,
           CASE s.fiscal_pattern WHEN '5-4-4' THEN 5 ELSE 4 END AS first_weeks,
           CASE s.fiscal_pattern WHEN '4-4-5' THEN 8 ELSE 9 END AS first_two_weeks
    FROM {scope} scope CROSS JOIN silver_meta.source s WHERE s.source_system = %(source)s
), starts AS (
    SELECT y.year, settings.*,
           CASE settings.pattern WHEN 'calendar' THEN make_date(y.year, settings.first_month, 1)
                ELSE date_trunc('week', make_date(y.year, settings.first_month, 1) + 3)::date END AS year_start
    FROM settings CROSS JOIN generate_series(1988, 2062) y (year)
), years AS (
    SELECT starts.*, lead(starts.year_start) OVER (ORDER BY starts.year) - starts.year_start AS length FROM starts
), days AS (
    SELECT years.*, years.year_start + n.day AS date_key, n.day / 7 + 1 AS week, least(n.day / 91, 3) AS weekly_quarter
    FROM years CROSS JOIN LATERAL generate_series(0, years.length - 1) n (day)
), periods AS (
    SELECT days.*,
           CASE days.pattern WHEN 'calendar'
                THEN mod(extract(month FROM days.date_key)::integer - days.first_month + 12, 12) + 1
                ELSE days.weekly_quarter * 3 + CASE
                     WHEN days.week - days.weekly_quarter * 13 <= days.first_weeks THEN 1
                     WHEN days.week - days.weekly_quarter * 13 <= days.first_two_weeks THEN 2 ELSE 3 END END AS period
    FROM days
)
SELECT gold.member_key('sources', p.source_system, p.source_system) AS source_key, p.date_key, p.year AS fiscal_year,
       (p.period - 1) / 3 + 1 AS fiscal_quarter, p.period AS fiscal_period, p.week AS fiscal_week,
       p.year_start AS fiscal_year_start
FROM periods p WHERE p.date_key BETWEEN '1990-01-01' AND '2060-12-31'
"""

TABLE = GoldTable(
    name="dim_fiscal_calendar",
    kind="dimension",
    grain="one day from 1990-01-01 to 2060-12-31 in the financial calendar of one source",
    question="How does each financial period compare with the same one a year before?",
    example="""
SELECT f.fiscal_year, f.fiscal_period, s.currency_code, sum(s.net_revenue) AS net_revenue
FROM gold.fct_sale s
JOIN gold.dim_fiscal_calendar f ON f.source_key = s.source_key AND f.date_key = s.sale_date
WHERE s.is_revenue GROUP BY 1, 2, 3 ORDER BY 2, 3, 1
""",
    columns=(
        *provenance_columns(),
        Column("date_key", "date", "the day", references="dim_date"),
        Column("fiscal_year", "integer", "calendar year in which, or nearest to which, the financial year begins"),
        Column("fiscal_quarter", "integer", "quarter, 1 to 4"),
        Column("fiscal_period", "integer", "period, 1 to 12: a calendar month, or 4 to 6 weeks"),
        Column("fiscal_week", "integer", "week of the year, 1 to 53, beginning on the weekday the year begins on"),
        Column("fiscal_year_start", "date", "first day of the financial year"),
    ),
    primary_key=("source_key", "date_key"),
    select=_SELECT,
    scope_column="source_key",
    scope_value="gold.member_key('sources', %(source)s, %(source)s)",
    all_ids=f"SELECT '{ALL}' AS id",
    consumes=(Consumes("dim_source", "fiscal_calendar"),),
    gold_inputs=("dim_source", "dim_date"),
    is_whole=True,
    checks=(
        Check("quarter_range", "fiscal_quarter BETWEEN 1 AND 4"),
        Check("period_range", "fiscal_period BETWEEN 1 AND 12"),
        Check("week_range", "fiscal_week BETWEEN 1 AND 53"),
        Check("year_has_begun", "fiscal_year_start <= date_key"),
    ),
)
