"""What was due for the completed sales of a day, and what was paid for them."""

from __future__ import annotations

from retail_medallion.gold.definition import (
    ADDED_MONEY,
    Check,
    Column,
    Consumes,
    GoldTable,
    provenance_columns,
)
from retail_medallion.gold.tables.pending_dates import all_dates, mentioned_dates

TABLE = GoldTable(
    name="mart_payment_reconciliation",
    kind="mart",
    grain="one trading day x selling location x currency of one source; completed documents only",
    question="On which days and where does the till not match the sales?",
    example="""
SELECT m.sale_date, l.location_name, m.currency_code, m.due_amount, m.captured_amount, m.refunded_amount,
       m.difference, m.underpaid_count, m.overpaid_count
FROM gold.mart_payment_reconciliation m JOIN gold.dim_location l USING (location_key)
WHERE m.underpaid_count + m.overpaid_count > 0 ORDER BY abs(m.difference) DESC LIMIT 20
""",
    columns=(
        *provenance_columns(),
        Column("sale_date", "date", "local trading day of the sale, whenever it was paid", references="dim_date"),
        Column("location_key", "uuid", "selling location", references="dim_location"),
        Column("currency_code", "text", "currency of all amounts; amounts of two currencies are never added"),
        Column("sale_count", "integer", "completed documents, returns included"),
        Column("due_amount", ADDED_MONEY, "sum of their totals; those of returns are negative"),
        Column("captured_amount", ADDED_MONEY, "succeeded payments and captures for them, less change"),
        Column("refunded_amount", ADDED_MONEY, "succeeded refunds and chargebacks for them, as a positive number"),
        Column("difference", ADDED_MONEY, "captured less refunded less due: negative where money is missing"),
        Column("underpaid_count", "integer", "documents paid at least one coin of the currency too little"),
        Column("overpaid_count", "integer", "documents paid at least one coin of the currency too much"),
    ),
    primary_key=("source_key", "sale_date", "location_key", "currency_code"),
    select="""
SELECT s.source_key, s.sale_date, s.location_key, s.currency_code, count(s.sale_key) AS sale_count,
       sum(s.total_amount) AS due_amount, sum(s.paid_amount) AS captured_amount,
       sum(s.refunded_amount) AS refunded_amount, sum(s.difference) AS difference,
       count(*) FILTER (WHERE s.difference <= -s.coin) AS underpaid_count,
       count(*) FILTER (WHERE s.difference >= s.coin) AS overpaid_count
FROM (
    SELECT f.*, f.paid_amount - f.refunded_amount - f.total_amount AS difference,
           10::numeric ^ -gold.minor_digits(f.currency_code) AS coin
    FROM {scope} scope
    JOIN gold.fct_sale f
      ON f.source_key = gold.member_key('sources', %(source)s, %(source)s) AND f.sale_date = scope.id::date
    WHERE f.status = 'completed'
) s
GROUP BY s.source_key, s.sale_date, s.location_key, s.currency_code
""",
    scope_column="sale_date",
    scope_value="id::date",
    all_ids=all_dates("fct_sale", "sale_date"),
    consumes=(Consumes("fct_sale", "sale_date"),),
    mentions=mentioned_dates("fct_sale", "sale_date"),
    gold_inputs=("fct_sale",),
    day_column="sale_date",
    checks=(
        Check("sale_count_positive", "sale_count > 0"),
        Check("difference_adds_up", "difference = captured_amount - refunded_amount - due_amount"),
        Check("either_under_or_over", "underpaid_count + overpaid_count <= sale_count"),
    ),
    indexes=(
        (("location_key", "sale_date"), ()),
        (("sale_date",), ()),
    ),
)
