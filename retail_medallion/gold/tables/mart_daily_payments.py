"""Money in and out per day and tender."""

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
    name="mart_daily_payments",
    kind="mart",
    grain="one day x tender x currency of one source, by the day of the money movement",
    question="Which tenders fail most, and what do they cost?",
    example="""
SELECT p.method_name, m.currency_code, sum(m.captured_amount) AS captured, sum(m.fee_amount) AS fees,
       round(sum(m.failed)::numeric / nullif(sum(m.attempts), 0), 4) AS failure_rate
FROM gold.mart_daily_payments m JOIN gold.dim_payment_method p USING (payment_method_key)
GROUP BY p.payment_method_key, p.method_name, m.currency_code ORDER BY failure_rate DESC NULLS LAST
""",
    columns=(
        *provenance_columns(),
        Column("transaction_date", "date", "local date of the movement", references="dim_date"),
        Column("payment_method_key", "uuid", "tender", references="dim_payment_method"),
        Column("currency_code", "text", "currency of all amounts; amounts of two currencies are never added"),
        Column("transaction_count", "integer", "movements of any kind and outcome"),
        Column("captured_amount", ADDED_MONEY, "gained: succeeded payments and captures, less change"),
        Column("refunded_amount", ADDED_MONEY, "given back: succeeded refunds and chargebacks, as a positive number"),
        Column("net_amount", ADDED_MONEY, "captured less refunded"),
        Column("fee_amount", ADDED_MONEY, "provider fees of all movements, as far as they are known"),
        Column("attempts", "integer", "payments, captures and authorisations that succeeded or failed"),
        Column("failed", "integer", "those that failed"),
        Column("failure_rate", "numeric(9,6)", "failed per attempt; empty without one", nullable=True),
    ),
    primary_key=("source_key", "transaction_date", "payment_method_key", "currency_code"),
    select="""
SELECT t.source_key, t.transaction_date, t.payment_method_key, t.currency_code,
       count(t.transaction_key) AS transaction_count,
       coalesce(sum(t.signed_amount) FILTER (WHERE t.signed_amount > 0), 0) AS captured_amount,
       coalesce(-sum(t.signed_amount) FILTER (WHERE t.signed_amount < 0), 0) AS refunded_amount,
       sum(t.signed_amount) AS net_amount, coalesce(sum(t.fee_amount), 0) AS fee_amount,
       count(*) FILTER (WHERE t.is_attempt) AS attempts,
       count(*) FILTER (WHERE t.is_attempt AND t.status = 'failed') AS failed,
       round(count(*) FILTER (WHERE t.is_attempt AND t.status = 'failed')::numeric
             / nullif(count(*) FILTER (WHERE t.is_attempt), 0), 6) AS failure_rate
FROM (
    SELECT f.*,
           f.transaction_type IN ('payment', 'capture', 'authorisation') AND f.status IN ('succeeded', 'failed')
               AS is_attempt
    FROM {scope} scope
    JOIN gold.fct_transaction f
      ON f.source_key = gold.member_key('sources', %(source)s, %(source)s) AND f.transaction_date = scope.id::date
) t
GROUP BY t.source_key, t.transaction_date, t.payment_method_key, t.currency_code
""",
    scope_column="transaction_date",
    scope_value="id::date",
    all_ids=all_dates("fct_transaction", "transaction_date"),
    consumes=(Consumes("fct_transaction", "transaction_date"),),
    mentions=mentioned_dates("fct_transaction", "transaction_date"),
    gold_inputs=("fct_transaction",),
    day_column="transaction_date",
    checks=(
        Check("transaction_count_positive", "transaction_count > 0"),
        Check("failed_among_attempts", "failed >= 0 AND failed <= attempts AND attempts <= transaction_count"),
        Check("net_adds_up", "net_amount = captured_amount - refunded_amount"),
        Check("rate_with_attempts", "(failure_rate IS NULL) = (attempts = 0)"),
    ),
    indexes=(
        (("payment_method_key", "transaction_date"), ()),
        (("transaction_date",), ()),
    ),
)
