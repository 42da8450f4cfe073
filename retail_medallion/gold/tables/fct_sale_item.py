"""Lines of sale documents."""

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
from retail_medallion.gold.tables.sale_lines import SALE_LINES
from retail_medallion.gold.tables.whole import tells_whole

_MONEY = "numeric(18,4)"

TABLE = GoldTable(
    name="fct_sale_item",
    kind="fact",
    grain="one line of a sale document of fct_sale",
    question="Which products sold best last month, and at what margin?",
    example="""
SELECT p.product_name, i.currency_code, sum(i.quantity) AS units, sum(i.net_revenue) AS net_revenue,
       sum(i.margin_amount) AS margin
FROM gold.fct_sale_item i JOIN gold.dim_product p USING (product_key)
WHERE i.is_revenue AND i.sale_date >= '2026-06-01' AND i.sale_date < '2026-07-01'
GROUP BY p.product_key, p.product_name, i.currency_code ORDER BY 4 DESC LIMIT 20
""",
    columns=(
        Column("sale_item_key", "uuid", "surrogate key"),
        Column(
            "sale_date",
            "date",
            "local trading day of the sale; the table is partitioned by its month",
            references="dim_date",
        ),
        *provenance_columns(),
        Column("sale_item_id", "text", "key of the line in its source"),
        Column("sale_key", "uuid", "document", references="fct_sale"),
        Column("line_number", "integer", "position", nullable=True),
        Column("line_type", "text", "sale, return, gift_card, service, shipping, fee, deposit"),
        Column("product_key", "uuid", "sold unit; not applicable for free text lines", references="dim_product"),
        Column("customer_key", "uuid", "buyer", references="dim_customer"),
        Column(
            "location_key", "uuid", "where the goods came from, else the selling location", references="dim_location"
        ),
        Column("coupon_key", "uuid", "coupon used on the line itself", references="dim_coupon"),
        Column("currency_code", "text", "currency of all amounts"),
        Column("quantity", "numeric(18,3)", "units; negative on return lines"),
        Column("returned_quantity", "numeric(18,3)", "units returned later, where the source counts them on the line"),
        Column("unit_price", _MONEY, "price of one unit before discount"),
        Column("gross_amount", _MONEY, "amount before discount; negative on return lines"),
        Column("line_discount", _MONEY, "discount on the line itself; negative on return lines"),
        Column(
            "allocated_discount",
            ADDED_MONEY,
            "share of the sale's order-level discount; negative where the sale is a return",
        ),
        Column("tax_amount", _MONEY, "tax; negative on return lines"),
        Column(
            "net_revenue",
            ADDED_MONEY,
            "gross less both discounts, without tax; 0 on shipping, deposit and gift card lines",
        ),
        Column("cost_amount", ADDED_MONEY, "cost of the units; empty where not known", nullable=True),
        Column("margin_amount", ADDED_MONEY, "net revenue less cost; empty where the cost is not known", nullable=True),
        Column("is_revenue", "boolean", "the sale is neither a draft nor cancelled"),
        Column(
            "original_sale_item_key",
            "uuid",
            "line being returned; no foreign key, it may be older than the history",
            nullable=True,
        ),
        Column("silver_partition", "date", "partition of the line in Silver"),
    ),
    primary_key=("sale_item_key", "sale_date"),
    select="WITH "
    + SALE_LINES
    + """
SELECT gold.member_key('sale_items', i.source_system, i.sale_item_id) AS sale_item_key,
       s.business_date AS sale_date,
       gold.member_key('sources', i.source_system, i.source_system) AS source_key,
       i.sale_item_id,
       f.sale_key, i.line_number, i.line_type,
       gold.member_key('products', i.source_system, i.product_id) AS product_key, i.product_id AS product_key_of,
       gold.member_key('customers', i.source_system, s.customer_id) AS customer_key, s.customer_id AS customer_key_of,
       gold.member_key('inventory_locations', i.source_system, coalesce(i.location_id, s.location_id)) AS location_key,
       coalesce(i.location_id, s.location_id) AS location_key_of,
       gold.member_key('coupons', i.source_system, i.coupon_id) AS coupon_key, i.coupon_id AS coupon_key_of,
       s.currency_code::text AS currency_code,
       l.quantity, i.returned_quantity, i.unit_price,
       l.gross_amount, l.line_discount, l.allocated_discount, l.tax_amount,
       l.net_revenue, l.cost_amount, l.net_revenue - l.cost_amount AS margin_amount,
       s.status NOT IN ('draft', 'cancelled') AS is_revenue,
       CASE WHEN i.original_sale_item_id IS NOT NULL
            THEN gold.member_key('sale_items', i.source_system, i.original_sale_item_id) END AS original_sale_item_key,
       i.winner_partition AS silver_partition
FROM sale_line l
JOIN silver.sale_items i ON i.source_system = %(source)s AND i.sale_item_id = l.sale_item_id
JOIN silver.sales s ON s.source_system = %(source)s AND s.sale_id = l.sale_id
JOIN gold.fct_sale f ON f.sale_key = gold.member_key('sales', s.source_system, s.sale_id)
""",
    scope_column="sale_key",
    scope_value="gold.member_key('sales', %(source)s, id)",
    all_ids="SELECT DISTINCT sale_id AS id FROM silver.sale_items WHERE source_system = %(source)s",
    entity="sale_items",
    consumes=(Consumes("sale_items", "sale_id"), Consumes("sales", "sale_id")),
    # A sale that Silver does not know (whatever fct_sale still has of it), or that fct_sale has not taken up yet.
    waiting="""
SELECT 'sale_id' AS role, scope.id
FROM {scope} scope
WHERE EXISTS (SELECT FROM silver.sale_items i
              WHERE i.source_system = %(source)s AND i.sale_id = scope.id AND NOT i.is_deleted)
  AND NOT EXISTS (SELECT FROM silver.sales s
                  WHERE s.source_system = %(source)s AND s.sale_id = scope.id AND (s.is_deleted OR s.is_test))
  AND NOT EXISTS (SELECT FROM silver.sales s
                  JOIN gold.fct_sale f ON f.sale_key = gold.member_key('sales', s.source_system, s.sale_id)
                  WHERE s.source_system = %(source)s AND s.sale_id = scope.id)
""",
    notifies=(
        Notifies("mart_daily_sales", "sale_date"),
        tells_whole("mart_basket_pair", "sale_key", "sale_date", "line_type", "product_key"),
        tells_whole(
            "mart_product_quality",
            "sale_date",
            "product_key",
            "customer_key",
            "line_type",
            "quantity",
            "returned_quantity",
            "is_revenue",
        ),
    ),
    silver_inputs=("sale_items", "sales"),
    gold_inputs=("dim_source", "dim_date", "dim_product", "dim_customer", "dim_location", "dim_coupon", "fct_sale"),
    months="""
SELECT DISTINCT date_trunc('month', s.business_date)::date
FROM {scope} scope JOIN silver.sales s ON s.source_system = %(source)s AND s.sale_id = scope.id
WHERE NOT s.is_deleted AND NOT s.is_test ORDER BY 1
""",
    partition_column="sale_date",
    unique=(("source_key", "sale_item_id", "sale_date"),),
    checks=(
        Check("return_is_negative", "CASE WHEN line_type = 'return' THEN quantity <= 0 ELSE quantity >= 0 END"),
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
        Check("margin_with_cost", "(margin_amount IS NULL) = (cost_amount IS NULL)"),
    ),
    indexes=(
        (("product_key", "sale_date"), ("quantity", "net_revenue")),
        (("location_key", "sale_date"), ()),
        (("customer_key", "sale_date"), ()),
        (("sale_key",), ()),
        (("source_key", "silver_partition"), ()),
        (("source_key", "sale_date"), ()),
    ),
)
