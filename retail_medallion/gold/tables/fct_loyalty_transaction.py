"""Changes of loyalty points."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, Consumes, GoldTable, provenance_columns

_POINTS = "numeric(18,2)"

TABLE = GoldTable(
    name="fct_loyalty_transaction",
    kind="fact",
    grain="one change of a points balance that is not deleted",
    question="How many of the points earned are redeemed, and how many expire?",
    example="""
SELECT date_trunc('month', l.transaction_date)::date AS month, l.programme_code,
       sum(l.points_earned) AS earned, sum(l.points_redeemed) AS redeemed, sum(l.points_expired) AS expired
FROM gold.fct_loyalty_transaction l GROUP BY 1, 2 ORDER BY 1, 2
""",
    columns=(
        Column("loyalty_transaction_key", "uuid", "surrogate key"),
        *provenance_columns(),
        Column("loyalty_transaction_id", "text", "key of the change in its source"),
        Column(
            "sale_key",
            "uuid",
            "sale that caused it; empty without a sale, for a test sale, or until the sale is known",
            nullable=True,
            references="fct_sale",
        ),
        Column("sale_id", "text", "the sale's key in its source", nullable=True),
        Column("customer_key", "uuid", "member, else the buyer of the sale", references="dim_customer"),
        Column("location_key", "uuid", "where it was booked, else the location of the sale", references="dim_location"),
        Column("programme_code", "text", "programme", nullable=True),
        Column("account_id", "text", "account the points are kept on", nullable=True),
        Column("transaction_type", "text", "kind: earn, bonus, redeem, expire, adjust, ..."),
        Column("transaction_date", "date", "local date", references="dim_date"),
        Column("occurred_at", "timestamptz", "when"),
        Column("points", _POINTS, "signed change of the balance"),
        Column("points_earned", _POINTS, "points of earn and bonus, else 0"),
        Column("points_redeemed", _POINTS, "points redeemed as a positive number, else 0"),
        Column("points_expired", _POINTS, "points expired as a positive number, else 0"),
        Column("monetary_value", "numeric(18,4)", "value of the points", nullable=True),
        Column("currency_code", "text", "currency of that value", nullable=True),
        Column("silver_partition", "date", "partition of the change in Silver"),
    ),
    primary_key=("loyalty_transaction_key",),
    select="""
SELECT gold.member_key('loyalty_transactions', t.source_system, t.loyalty_transaction_id) AS loyalty_transaction_key,
       gold.member_key('sources', t.source_system, t.source_system) AS source_key,
       t.loyalty_transaction_id,
       CASE WHEN s.sale_id IS NOT NULL THEN f.sale_key END AS sale_key, t.sale_id,
       gold.member_key('customers', t.source_system, coalesce(t.customer_id, s.customer_id)) AS customer_key,
       coalesce(t.customer_id, s.customer_id) AS customer_key_of,
       gold.member_key('inventory_locations', t.source_system, coalesce(t.location_id, s.location_id)) AS location_key,
       coalesce(t.location_id, s.location_id) AS location_key_of,
       t.programme_code, t.loyalty_account_id AS account_id, t.transaction_type,
       t.business_date AS transaction_date, t.occurred_at, t.points,
       CASE WHEN t.transaction_type IN ('earn', 'bonus') THEN t.points ELSE 0 END AS points_earned,
       CASE WHEN t.transaction_type = 'redeem' THEN -t.points ELSE 0 END AS points_redeemed,
       CASE WHEN t.transaction_type = 'expire' THEN -t.points ELSE 0 END AS points_expired,
       t.monetary_value, t.currency_code::text AS currency_code, t.winner_partition AS silver_partition
FROM {scope} scope
JOIN silver.loyalty_transactions t
  ON t.source_system = %(source)s AND t.loyalty_transaction_id = scope.id AND NOT t.is_deleted
LEFT JOIN silver.sales s ON s.source_system = t.source_system AND s.sale_id = t.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
LEFT JOIN gold.fct_sale f ON f.sale_key = gold.member_key('sales', t.source_system, t.sale_id)
""",
    scope_column="loyalty_transaction_key",
    scope_value="gold.member_key('loyalty_transactions', %(source)s, id)",
    all_ids="SELECT loyalty_transaction_id AS id FROM silver.loyalty_transactions WHERE source_system = %(source)s",
    entity="loyalty_transactions",
    consumes=(Consumes("loyalty_transactions", "loyalty_transaction_id"), Consumes("sales", "sale_id")),
    expand="""
SELECT id FROM {wanted} WHERE role = 'loyalty_transaction_id'
UNION
SELECT t.loyalty_transaction_id FROM {wanted} wanted
JOIN silver.loyalty_transactions t ON t.source_system = %(source)s AND t.sale_id = wanted.id
WHERE wanted.role = 'sale_id'
""",
    # Written already, without its sale: Silver knows the sale and fct_sale has not taken it up yet.
    waiting="""
SELECT 'loyalty_transaction_id' AS role, t.loyalty_transaction_id AS id
FROM {scope} scope
JOIN silver.loyalty_transactions t
  ON t.source_system = %(source)s AND t.loyalty_transaction_id = scope.id AND NOT t.is_deleted
JOIN silver.sales s ON s.source_system = t.source_system AND s.sale_id = t.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
WHERE NOT EXISTS (SELECT FROM gold.fct_sale f WHERE f.sale_key = gold.member_key('sales', t.source_system, t.sale_id))
""",
    silver_inputs=("loyalty_transactions", "sales"),
    gold_inputs=("dim_source", "dim_date", "dim_customer", "dim_location", "fct_sale"),
    unique=(("source_key", "loyalty_transaction_id"),),
    checks=(
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
        Check(
            "one_kind_of_points",
            "num_nonnulls(nullif(points_earned, 0), nullif(points_redeemed, 0), nullif(points_expired, 0)) <= 1",
        ),
    ),
    indexes=(
        (("sale_key",), ()),
        (("customer_key", "transaction_date"), ()),
        (("location_key", "transaction_date"), ()),
        (("source_key", "account_id", "occurred_at"), ("points",)),
        (("source_key", "silver_partition"), ()),
    ),
    brin=("transaction_date",),
)
