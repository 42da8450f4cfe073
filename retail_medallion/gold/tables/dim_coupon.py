"""Coupons as they are now."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, Consumes, GoldTable, member_columns

_MONEY = "numeric(18,4)"

TABLE = GoldTable(
    name="dim_coupon",
    kind="dimension",
    grain="one redeemable discount of one source, as it is now",
    question="Which campaigns give away the most?",
    example="""
SELECT c.campaign_name, r.currency_code, count(*) AS redemptions, sum(r.discount_amount) AS given_away
FROM gold.fct_coupon_redemption r JOIN gold.dim_coupon c USING (coupon_key)
WHERE r.is_revenue GROUP BY 1, 2 ORDER BY 4 DESC
""",
    columns=(
        *member_columns("coupon_id", "coupon_key"),
        Column("coupon_code", "text", "what the shopper types", nullable=True),
        Column("campaign_name", "text", "promotion it belongs to", nullable=True),
        Column("description", "text", "free text", nullable=True),
        Column("discount_type", "text", "mechanics: percentage, fixed_amount, ...", inferred="'unknown'"),
        Column("discount_value", _MONEY, "percent from 0 to 100, or an amount, always positive", nullable=True),
        Column("currency_code", "text", "currency of the amounts", nullable=True),
        Column("applies_to", "text", "what the discount is taken off", inferred="'unknown'"),
        Column("min_purchase_amount", _MONEY, "smallest purchase it applies to", nullable=True),
        Column("max_discount_amount", _MONEY, "largest discount it gives", nullable=True),
        Column("starts_at", "timestamptz", "first moment of validity", nullable=True),
        Column("ends_at", "timestamptz", "end of validity", nullable=True),
        Column("valid_from_date", "date", "local day of starts_at", nullable=True),
        Column("valid_to_date", "date", "local day of ends_at", nullable=True),
        Column("usage_limit", "integer", "redemptions allowed in all", nullable=True),
        Column("usage_limit_per_customer", "integer", "redemptions allowed to one customer", nullable=True),
        Column("usage_count", "integer", "the source's own counter of redemptions", nullable=True),
        Column("is_stackable", "boolean", "may be combined with other coupons", nullable=True),
        Column("customer_key", "uuid", "owner of a personal coupon", references="dim_customer"),
        Column("status", "text", "as the source states", inferred="'unknown'"),
    ),
    primary_key=("coupon_key",),
    select="""
SELECT gold.member_key('coupons', c.source_system, c.coupon_id) AS coupon_key,
       c.source_system, c.coupon_id, source.tenant, false AS is_inferred, c.is_deleted,
       c.winner_partition AS silver_partition,
       c.coupon_code, c.campaign_name, c.description, c.discount_type, c.discount_value,
       c.currency_code::text AS currency_code, c.applies_to, c.min_purchase_amount, c.max_discount_amount,
       c.starts_at, c.ends_at,
       (c.starts_at AT TIME ZONE source.timezone)::date AS valid_from_date,
       (c.ends_at AT TIME ZONE source.timezone)::date AS valid_to_date,
       c.usage_limit, c.usage_limit_per_customer, c.usage_count, c.is_stackable,
       gold.member_key('customers', c.source_system, c.customer_id) AS customer_key, c.customer_id AS customer_key_of,
       c.status
FROM {scope} scope
JOIN silver.coupons c ON c.source_system = %(source)s AND c.coupon_id = scope.id
JOIN silver_meta.source source ON source.source_system = c.source_system
""",
    scope_column="coupon_key",
    scope_value="gold.member_key('coupons', %(source)s, id)",
    all_ids="SELECT coupon_id AS id FROM silver.coupons WHERE source_system = %(source)s",
    entity="coupons",
    id_column="coupon_id",
    consumes=(Consumes("coupons", "coupon_id"),),
    silver_inputs=("coupons",),
    gold_inputs=("dim_customer",),
    unique=(("source_system", "coupon_id"),),
    checks=(
        Check("value_not_negative", "discount_value >= 0"),
        Check("validity_in_order", "starts_at <= ends_at"),
    ),
    indexes=((("coupon_code",), ()),),
)
