"""Sale documents with what their lines and payments add up to."""

from __future__ import annotations

from retail_medallion.gold.definition import (
    ADDED_MONEY,
    ADDED_QUANTITY,
    Check,
    Column,
    Consumes,
    GoldTable,
    Notifies,
    provenance_columns,
)
from retail_medallion.gold.tables.mart_cart_funnel import PURCHASE_OF_CUSTOMER
from retail_medallion.gold.tables.person_documents import COLUMNS_OF_SALE
from retail_medallion.gold.tables.sale_lines import SALE_LINES, STATED_DIRECTION
from retail_medallion.gold.tables.whole import tells_whole

_MONEY = "numeric(18,4)"

TABLE = GoldTable(
    name="fct_sale",
    kind="fact",
    grain="one sale document (order, ticket or return) that is neither a test nor deleted",
    question="How large is the average basket per channel?",
    example="""
SELECT channel, currency_code, count(*) AS sales, round(avg(net_revenue), 2) AS average_basket, avg(units) AS units
FROM gold.fct_sale WHERE is_revenue AND sale_type = 'sale' GROUP BY 1, 2
""",
    columns=(
        Column("sale_key", "uuid", "surrogate key"),
        *provenance_columns(),
        Column("sale_id", "text", "key of the sale in its source"),
        Column("sale_number", "text", "printed number", nullable=True),
        Column("sale_type", "text", "sale, return or exchange"),
        Column("channel", "text", "where it was sold"),
        Column("status", "text", "life cycle"),
        Column("payment_status", "text", "as the source states", nullable=True),
        Column("sale_date", "date", "local trading day", references="dim_date"),
        Column("sold_at", "timestamptz", "when placed or rung up"),
        Column("sale_hour", "smallint", "hour of sold_at in the source's zone"),
        Column("customer_key", "uuid", "buyer", references="dim_customer"),
        Column("location_key", "uuid", "selling location", references="dim_location"),
        Column(
            "original_sale_key",
            "uuid",
            "sale being returned; no foreign key, it may be older than the history",
            nullable=True,
        ),
        Column("currency_code", "text", "currency of all amounts"),
        Column("item_count", "integer", "number of lines"),
        Column("units", ADDED_QUANTITY, "units on goods, service and gift card lines, returned units negative"),
        Column(
            "gross_amount", ADDED_MONEY, "subtotal before discount as the sale states it, else the sum of its lines"
        ),
        Column("discount_amount", _MONEY, "all discounts; negative where the sale is a return on balance"),
        Column("tax_amount", _MONEY, "all tax"),
        Column("shipping_amount", _MONEY, "shipping"),
        Column("other_amount", _MONEY, "fees, tips and rounding, signed"),
        Column("total_amount", _MONEY, "payable; negative for returns"),
        Column(
            "net_revenue",
            ADDED_MONEY,
            "sum of the lines' net revenue; without lines the total less tax, shipping and other",
        ),
        Column("cost_amount", ADDED_MONEY, "cost of the goods; empty if a line's cost is not known", nullable=True),
        Column(
            "margin_amount", ADDED_MONEY, "net revenue less cost; empty if a line's cost is not known", nullable=True
        ),
        Column("paid_amount", ADDED_MONEY, "succeeded payments and captures in the sale's currency, less change"),
        Column("refunded_amount", ADDED_MONEY, "succeeded refunds and chargebacks in the sale's currency"),
        Column("is_revenue", "boolean", "neither a draft nor cancelled"),
        Column("silver_partition", "date", "partition of the sale in Silver"),
    ),
    primary_key=("sale_key",),
    select="WITH "  # noqa: S608 constants only
    + SALE_LINES
    + """, lines AS (
    SELECT sale_id, count(*) AS item_count,
           sum(quantity) FILTER (WHERE is_merchandise) AS units,
           sum(gross_amount) AS gross_amount, sum(net_revenue) AS net_revenue, min(direction) AS direction,
           CASE WHEN bool_and(cost_amount IS NOT NULL) THEN sum(cost_amount) END AS cost_amount
    FROM sale_line GROUP BY sale_id
), payments AS (
    SELECT s.sale_id,
           sum(t.amount - t.change_amount) FILTER (WHERE t.transaction_type IN ('payment', 'capture')) AS paid_amount,
           sum(t.amount) FILTER (WHERE t.transaction_type IN ('refund', 'chargeback')) AS refunded_amount
    FROM {scope} scope
    JOIN silver.sales s ON s.source_system = %(source)s AND s.sale_id = scope.id
    JOIN silver.transactions t ON t.source_system = s.source_system AND t.sale_id = s.sale_id
     AND NOT t.is_deleted AND t.status = 'succeeded' AND t.currency_code = s.currency_code
    GROUP BY s.sale_id
)
SELECT gold.member_key('sales', s.source_system, s.sale_id) AS sale_key,
       gold.member_key('sources', s.source_system, s.source_system) AS source_key,
       s.sale_id, s.sale_number, s.sale_type, s.channel, s.status, s.payment_status,
       s.business_date AS sale_date, s.sold_at,
       extract(hour FROM s.sold_at AT TIME ZONE source.timezone) AS sale_hour,
       gold.member_key('customers', s.source_system, s.customer_id) AS customer_key, s.customer_id AS customer_key_of,
       gold.member_key('inventory_locations', s.source_system, s.location_id) AS location_key,
       s.location_id AS location_key_of,
       CASE WHEN s.original_sale_id IS NOT NULL
            THEN gold.member_key('sales', s.source_system, s.original_sale_id) END AS original_sale_key,
       s.currency_code::text AS currency_code,
       coalesce(lines.item_count, 0) AS item_count, coalesce(lines.units, 0) AS units,
       coalesce(s.subtotal_amount, lines.gross_amount, 0) AS gross_amount,
       s.discount_amount * coalesce(lines.direction, """
    + STATED_DIRECTION
    + """) AS discount_amount,
       s.tax_amount, s.shipping_amount, s.other_amount, s.total_amount,
       coalesce(lines.net_revenue, s.total_amount - s.tax_amount - s.shipping_amount - s.other_amount) AS net_revenue,
       lines.cost_amount, lines.net_revenue - lines.cost_amount AS margin_amount,
       coalesce(payments.paid_amount, 0) AS paid_amount, coalesce(payments.refunded_amount, 0) AS refunded_amount,
       s.status NOT IN ('draft', 'cancelled') AS is_revenue,
       s.winner_partition AS silver_partition
FROM {scope} scope
JOIN silver.sales s ON s.source_system = %(source)s AND s.sale_id = scope.id AND NOT s.is_deleted AND NOT s.is_test
JOIN silver_meta.source source ON source.source_system = s.source_system
LEFT JOIN lines ON lines.sale_id = s.sale_id
LEFT JOIN payments ON payments.sale_id = s.sale_id
""",
    scope_column="sale_key",
    scope_value="gold.member_key('sales', %(source)s, id)",
    all_ids="SELECT sale_id AS id FROM silver.sales WHERE source_system = %(source)s",
    entity="sales",
    consumes=(Consumes("sales", "sale_id"), Consumes("sale_items", "sale_id"), Consumes("transactions", "sale_id")),
    notifies=(
        Notifies("mart_daily_sales", "sale_date"),
        Notifies(
            "mart_store_day",
            "sale_date",
            columns=(
                "sale_date",
                "location_key",
                "channel",
                "currency_code",
                "sale_type",
                "is_revenue",
                "sale_hour",
                "customer_key",
                "units",
                "gross_amount",
                "discount_amount",
                "net_revenue",
            ),
        ),
        Notifies(
            "mart_payment_reconciliation",
            "sale_date",
            columns=(
                "sale_date",
                "location_key",
                "currency_code",
                "status",
                "total_amount",
                "paid_amount",
                "refunded_amount",
            ),
        ),
        PURCHASE_OF_CUSTOMER,
        tells_whole("mart_customer_rfm", *COLUMNS_OF_SALE),
        tells_whole("mart_customer_value", *COLUMNS_OF_SALE, "margin_amount"),
        tells_whole("mart_cohort_retention", *COLUMNS_OF_SALE),
        tells_whole("mart_basket_pair", "sale_type", "is_revenue"),
        tells_whole("mart_coupon_effect", *COLUMNS_OF_SALE, "margin_amount", "sold_at", "channel"),
    ),
    silver_inputs=("sales", "sale_items", "transactions"),
    gold_inputs=("dim_source", "dim_date", "dim_customer", "dim_location"),
    unique=(("source_key", "sale_id"),),
    checks=(
        Check("sale_hour_range", "sale_hour BETWEEN 0 AND 23"),
        Check("item_count_not_negative", "item_count >= 0"),
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
        Check("margin_with_cost", "(margin_amount IS NULL) = (cost_amount IS NULL)"),
    ),
    indexes=(
        (("location_key", "sale_date"), ()),
        (("customer_key", "sale_date"), ()),
        (("source_key", "silver_partition"), ()),
        (("source_key", "sale_date"), ()),
    ),
    brin=("sale_date",),
    cascades=("fct_sale_item", "fct_coupon_redemption"),
    loosens=("fct_transaction", "fct_loyalty_transaction", "fct_review", "fct_cart", "fct_fulfilment"),
)
