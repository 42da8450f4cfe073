"""Money movements: payments, captures, refunds and the like."""

from __future__ import annotations

from retail_medallion.gold.definition import (
    ADDED_MONEY,
    Check,
    Column,
    Consumes,
    GoldTable,
    Notifies,
    provenance_columns,
)

_MONEY = "numeric(18,4)"

TABLE = GoldTable(
    name="fct_transaction",
    kind="fact",
    grain="one money movement that is not deleted and does not pay for a test sale",
    question="How much money came in per day and tender?",
    example="""
SELECT t.transaction_date, p.method_type, t.currency_code, sum(t.signed_amount) AS taken
FROM gold.fct_transaction t JOIN gold.dim_payment_method p USING (payment_method_key)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""",
    columns=(
        Column("transaction_key", "uuid", "surrogate key"),
        *provenance_columns(),
        Column("transaction_id", "text", "key of the movement in its source"),
        Column(
            "sale_key",
            "uuid",
            "what it pays; empty without a sale, or until the sale is known",
            nullable=True,
            references="fct_sale",
        ),
        Column("sale_id", "text", "the sale's key in its source", nullable=True),
        Column("payment_method_key", "uuid", "tender", references="dim_payment_method"),
        Column("customer_key", "uuid", "payer, else the buyer of the sale", references="dim_customer"),
        Column("location_key", "uuid", "till, else the location of the sale", references="dim_location"),
        Column("transaction_type", "text", "kind of movement"),
        Column("status", "text", "outcome"),
        Column("transaction_date", "date", "local date", references="dim_date"),
        Column("occurred_at", "timestamptz", "when"),
        Column("settled_at", "timestamptz", "when settled", nullable=True),
        Column("currency_code", "text", "currency of all amounts"),
        Column("amount", _MONEY, "amount, always positive"),
        Column(
            "signed_amount",
            ADDED_MONEY,
            "gained: payments and captures less change, refunds and chargebacks negative, 0 unless it succeeded",
        ),
        Column("fee_amount", _MONEY, "provider fee", nullable=True),
        Column("instalments", "integer", "number of instalments", nullable=True),
        Column("silver_partition", "date", "partition of the movement in Silver"),
    ),
    primary_key=("transaction_key",),
    select="""
SELECT gold.member_key('transactions', t.source_system, t.transaction_id) AS transaction_key,
       gold.member_key('sources', t.source_system, t.source_system) AS source_key,
       t.transaction_id,
       CASE WHEN s.sale_id IS NOT NULL THEN f.sale_key END AS sale_key, t.sale_id,
       gold.member_key('payment_methods', t.source_system, t.payment_method_id) AS payment_method_key,
       t.payment_method_id AS payment_method_key_of,
       gold.member_key('customers', t.source_system, coalesce(t.customer_id, s.customer_id)) AS customer_key,
       coalesce(t.customer_id, s.customer_id) AS customer_key_of,
       gold.member_key('inventory_locations', t.source_system, coalesce(t.location_id, s.location_id)) AS location_key,
       coalesce(t.location_id, s.location_id) AS location_key_of,
       t.transaction_type, t.status, t.business_date AS transaction_date, t.occurred_at, t.settled_at,
       t.currency_code::text AS currency_code, t.amount,
       CASE WHEN t.status <> 'succeeded' THEN 0
            WHEN t.transaction_type IN ('payment', 'capture') THEN t.amount - t.change_amount
            WHEN t.transaction_type IN ('refund', 'chargeback') THEN -t.amount
            ELSE 0 END AS signed_amount,
       t.fee_amount, t.instalments, t.winner_partition AS silver_partition
FROM {scope} scope
JOIN silver.transactions t ON t.source_system = %(source)s AND t.transaction_id = scope.id AND NOT t.is_deleted
LEFT JOIN silver.sales s ON s.source_system = t.source_system AND s.sale_id = t.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
LEFT JOIN gold.fct_sale f ON f.sale_key = gold.member_key('sales', t.source_system, t.sale_id)
WHERE NOT EXISTS (SELECT FROM silver.sales test
                  WHERE test.source_system = t.source_system AND test.sale_id = t.sale_id AND test.is_test)
""",
    scope_column="transaction_key",
    scope_value="gold.member_key('transactions', %(source)s, id)",
    all_ids="SELECT transaction_id AS id FROM silver.transactions WHERE source_system = %(source)s",
    entity="transactions",
    consumes=(Consumes("transactions", "transaction_id"), Consumes("sales", "sale_id")),
    expand="""
SELECT id FROM {wanted} WHERE role = 'transaction_id'
UNION
SELECT t.transaction_id FROM {wanted} wanted
JOIN silver.transactions t ON t.source_system = %(source)s AND t.sale_id = wanted.id
WHERE wanted.role = 'sale_id'
""",
    # Written already, without its sale: Silver knows the sale and fct_sale has not taken it up yet.
    waiting="""
SELECT 'transaction_id' AS role, t.transaction_id AS id
FROM {scope} scope
JOIN silver.transactions t ON t.source_system = %(source)s AND t.transaction_id = scope.id AND NOT t.is_deleted
JOIN silver.sales s ON s.source_system = t.source_system AND s.sale_id = t.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
WHERE NOT EXISTS (SELECT FROM gold.fct_sale f WHERE f.sale_key = gold.member_key('sales', t.source_system, t.sale_id))
""",
    notifies=(
        Notifies(
            "mart_daily_payments",
            "transaction_date",
            columns=(
                "transaction_date",
                "payment_method_key",
                "currency_code",
                "transaction_type",
                "status",
                "signed_amount",
                "fee_amount",
            ),
        ),
    ),
    silver_inputs=("transactions", "sales"),
    gold_inputs=("dim_source", "dim_date", "dim_payment_method", "dim_customer", "dim_location", "fct_sale"),
    unique=(("source_key", "transaction_id"),),
    checks=(
        Check("amount_not_negative", "amount >= 0"),
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
    ),
    indexes=(
        (("sale_key",), ()),
        (("payment_method_key", "transaction_date"), ()),
        (("customer_key", "transaction_date"), ()),
        (("location_key", "transaction_date"), ()),
        (("source_key", "silver_partition"), ()),
        (("source_key", "transaction_date"), ()),
    ),
    brin=("transaction_date",),
)
