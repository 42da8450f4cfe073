"""Kinds of tender."""

from __future__ import annotations

from retail_medallion.gold.definition import Column, Consumes, GoldTable, member_columns

TABLE = GoldTable(
    name="dim_payment_method",
    kind="dimension",
    grain="one kind of tender of one source, as it is now",
    question="How do shoppers pay, and what does it cost?",
    example="""
SELECT p.method_type, t.currency_code, sum(t.signed_amount) AS taken, sum(t.fee_amount) AS fees
FROM gold.fct_transaction t JOIN gold.dim_payment_method p USING (payment_method_key)
GROUP BY 1, 2
""",
    columns=(
        *member_columns("payment_method_id", "payment_method_key"),
        Column("method_code", "text", "tender code", nullable=True),
        Column("method_name", "text", "display name", inferred="label"),
        Column("method_type", "text", "kind: cash, credit_card, wallet, ...", inferred="'unknown'"),
        Column("provider", "text", "acquirer or gateway", nullable=True),
        Column("card_scheme", "text", "card scheme", nullable=True),
        Column("fee_rate", "numeric(9,6)", "proportional fee as a fraction", nullable=True),
        Column("fee_fixed", "numeric(18,4)", "fixed fee", nullable=True),
        Column("currency_code", "text", "currency of the fixed fee", nullable=True),
        Column("is_online", "boolean", "usable online; empty where not known", nullable=True),
        Column("is_active", "boolean", "offered to shoppers; empty where not known", nullable=True),
    ),
    primary_key=("payment_method_key",),
    select="""
SELECT gold.member_key('payment_methods', m.source_system, m.payment_method_id) AS payment_method_key,
       m.source_system, m.payment_method_id, source.tenant, false AS is_inferred, m.is_deleted,
       m.winner_partition AS silver_partition,
       m.method_code, m.method_name, m.method_type, m.provider, m.card_scheme, m.fee_rate, m.fee_fixed,
       m.currency_code::text AS currency_code, m.is_online, m.is_active
FROM {scope} scope
JOIN silver.payment_methods m ON m.source_system = %(source)s AND m.payment_method_id = scope.id
JOIN silver_meta.source source ON source.source_system = m.source_system
""",
    scope_column="payment_method_key",
    scope_value="gold.member_key('payment_methods', %(source)s, id)",
    all_ids="SELECT payment_method_id AS id FROM silver.payment_methods WHERE source_system = %(source)s",
    entity="payment_methods",
    id_column="payment_method_id",
    consumes=(Consumes("payment_methods", "payment_method_id"),),
    silver_inputs=("payment_methods",),
    unique=(("source_system", "payment_method_id"),),
)
