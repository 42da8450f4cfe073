"""The calendar: one row per day, the same for every source, filled once when the schema is made."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, GoldTable

TABLE = GoldTable(
    name="dim_date",
    kind="dimension",
    grain="one day from 1900-01-01 to 2100-12-31, the range a date in Silver may have",
    question="How do weekends compare with weekdays?",
    example="""
SELECT d.is_weekend, s.currency_code, sum(s.net_revenue) AS net_revenue
FROM gold.fct_sale s JOIN gold.dim_date d ON d.date_key = s.sale_date
WHERE s.is_revenue GROUP BY 1, 2
""",
    columns=(
        Column("date_key", "date", "the day; facts refer to it by the date itself"),
        Column("year", "integer", "calendar year"),
        Column("quarter", "integer", "calendar quarter, 1 to 4"),
        Column("month", "integer", "month, 1 to 12"),
        Column("day_of_month", "integer", "day of the month"),
        Column("iso_year", "integer", "year the ISO 8601 week belongs to"),
        Column("iso_week", "integer", "ISO 8601 week, 1 to 53"),
        Column("day_of_week", "integer", "1 Monday to 7 Sunday"),
        Column("month_name", "text", "English name of the month"),
        Column("day_name", "text", "English name of the day"),
        Column("month_start", "date", "first day of the month"),
        Column("week_start", "date", "Monday of the week"),
        Column("is_weekend", "boolean", "Saturday or Sunday"),
        Column("is_month_end", "boolean", "last day of the month"),
        Column("fiscal_year", "integer", "fiscal year; equals the calendar year"),
        Column("fiscal_period", "integer", "fiscal period; equals the calendar month"),
    ),
    primary_key=("date_key",),
    select="""
SELECT d AS date_key, extract(year FROM d) AS year, extract(quarter FROM d) AS quarter, extract(month FROM d) AS month,
       extract(day FROM d) AS day_of_month, extract(isoyear FROM d) AS iso_year, extract(week FROM d) AS iso_week,
       extract(isodow FROM d) AS day_of_week, to_char(d, 'FMMonth') AS month_name, to_char(d, 'FMDay') AS day_name,
       date_trunc('month', d)::date AS month_start, date_trunc('week', d)::date AS week_start,
       extract(isodow FROM d) >= 6 AS is_weekend, extract(day FROM d + 1) = 1 AS is_month_end,
       extract(year FROM d) AS fiscal_year, extract(month FROM d) AS fiscal_period
FROM (SELECT scope.id::date AS d FROM {scope} scope) days
""",
    scope_column="date_key",
    scope_value="id::date",
    all_ids="""
SELECT ('1900-01-01'::date + i)::text AS id FROM generate_series(0, '2100-12-31'::date - '1900-01-01'::date) i
""",
    has_source=False,
    checks=(
        Check("quarter_range", "quarter BETWEEN 1 AND 4"),
        Check("month_range", "month BETWEEN 1 AND 12"),
        Check("week_range", "iso_week BETWEEN 1 AND 53"),
        Check("weekday_range", "day_of_week BETWEEN 1 AND 7"),
    ),
)
