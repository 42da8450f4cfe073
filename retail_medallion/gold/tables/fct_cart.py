"""Carts and checkout sessions with how far they got."""

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

TABLE = GoldTable(
    name="fct_cart",
    kind="fact",
    grain="one cart or checkout session that is not deleted",
    question="How long do shoppers take from the first look to the sale, by device?",
    example="""
SELECT c.device_type, count(*) AS converted,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY c.minutes_to_conversion) AS median_minutes
FROM gold.fct_cart c WHERE c.is_converted GROUP BY 1 ORDER BY 1
""",
    columns=(
        Column("cart_key", "uuid", "surrogate key"),
        *provenance_columns(),
        Column("cart_id", "text", "key of the cart in its source"),
        Column("customer_key", "uuid", "shopper, else the buyer of the sale", references="dim_customer"),
        Column("location_key", "uuid", "location of the sale it became", references="dim_location"),
        Column(
            "sale_key",
            "uuid",
            "the sale it became; empty without one, for a test sale, or until the sale is known",
            nullable=True,
            references="fct_sale",
        ),
        Column("channel", "text", "where it was filled"),
        Column("device_type", "text", "device", nullable=True),
        Column("status", "text", "as the source states"),
        Column("traffic_source", "text", "where the shopper came from", nullable=True),
        Column("campaign", "text", "campaign the shopper came by", nullable=True),
        Column("currency_code", "text", "currency of cart_value"),
        Column("created_date", "date", "local date of created_at", references="dim_date"),
        Column("created_at", "timestamptz", "when it was opened"),
        Column("first_item_at", "timestamptz", "when the first item was put in, removed ones included", nullable=True),
        Column("checkout_started_at", "timestamptz", "when checkout began", nullable=True),
        Column("converted_at", "timestamptz", "when it became a sale, else when that sale was placed", nullable=True),
        Column("abandoned_at", "timestamptz", "when it was given up, if the source says so", nullable=True),
        Column("last_activity_at", "timestamptz", "last change"),
        Column("inactivity_deadline_at", "timestamptz", "24 hours after the last change"),
        Column("is_converted", "boolean", "the source says so, or it is known when"),
        Column("item_count", "integer", "items with a quantity that were not taken out"),
        Column("units", ADDED_QUANTITY, "units of those items"),
        Column("cart_value", ADDED_MONEY, "total as stated, else the sum of those items' amounts"),
        Column(
            "converted_value",
            "numeric(18,4)",
            "total of the sale it became, in the currency of that sale",
            nullable=True,
        ),
        Column("converted_currency_code", "text", "currency of converted_value", nullable=True),
        Column("minutes_to_checkout", "integer", "whole minutes from opening to checkout", nullable=True),
        Column("minutes_to_conversion", "integer", "whole minutes from opening to the sale", nullable=True),
        Column("silver_partition", "date", "partition of the cart in Silver"),
    ),
    primary_key=("cart_key",),
    select="""
WITH items AS (
    SELECT i.cart_id, min(i.added_at) AS first_item_at,
           count(*) FILTER (WHERE i.quantity > 0 AND i.removed_at IS NULL) AS item_count,
           sum(i.quantity) FILTER (WHERE i.quantity > 0 AND i.removed_at IS NULL) AS units,
           sum(i.line_amount) FILTER (WHERE i.quantity > 0 AND i.removed_at IS NULL) AS line_amount
    FROM {scope} scope
    JOIN silver.cart_items i ON i.source_system = %(source)s AND i.cart_id = scope.id AND NOT i.is_deleted
    GROUP BY i.cart_id
), cart AS (
    SELECT c.*, s.customer_id AS sale_customer_id, s.location_id AS sale_location_id, s.total_amount AS sale_amount,
           s.currency_code::text AS sale_currency_code,
           coalesce(c.converted_at, s.sold_at) AS sold_at,
           CASE WHEN s.sale_id IS NOT NULL THEN f.sale_key END AS sale_key
    FROM {scope} scope
    JOIN silver.shopping_carts c ON c.source_system = %(source)s AND c.cart_id = scope.id AND NOT c.is_deleted
    LEFT JOIN silver.sales s ON s.source_system = c.source_system AND s.sale_id = c.sale_id
     AND NOT s.is_deleted AND NOT s.is_test
    LEFT JOIN gold.fct_sale f ON f.sale_key = gold.member_key('sales', c.source_system, c.sale_id)
)
SELECT gold.member_key('shopping_carts', c.source_system, c.cart_id) AS cart_key,
       gold.member_key('sources', c.source_system, c.source_system) AS source_key,
       c.cart_id,
       gold.member_key('customers', c.source_system, coalesce(c.customer_id, c.sale_customer_id)) AS customer_key,
       coalesce(c.customer_id, c.sale_customer_id) AS customer_key_of,
       gold.member_key('inventory_locations', c.source_system, c.sale_location_id) AS location_key,
       c.sale_location_id AS location_key_of,
       c.sale_key, c.channel, c.device_type, c.status, c.traffic_source, c.campaign,
       c.currency_code::text AS currency_code, c.business_date AS created_date,
       c.created_at, items.first_item_at, c.checkout_started_at, c.sold_at AS converted_at, c.abandoned_at,
       c.last_activity_at, c.last_activity_at + interval '24 hours' AS inactivity_deadline_at,
       c.status = 'converted' OR c.sold_at IS NOT NULL AS is_converted,
       coalesce(items.item_count, 0) AS item_count, coalesce(items.units, 0) AS units,
       coalesce(c.total_amount, items.line_amount, 0) AS cart_value, c.sale_amount AS converted_value,
       c.sale_currency_code AS converted_currency_code,
       CASE WHEN c.checkout_started_at >= c.created_at
            THEN floor(extract(epoch FROM c.checkout_started_at - c.created_at) / 60) END AS minutes_to_checkout,
       CASE WHEN c.sold_at >= c.created_at
            THEN floor(extract(epoch FROM c.sold_at - c.created_at) / 60) END AS minutes_to_conversion,
       c.winner_partition AS silver_partition
FROM cart c LEFT JOIN items ON items.cart_id = c.cart_id
""",
    scope_column="cart_key",
    scope_value="gold.member_key('shopping_carts', %(source)s, id)",
    all_ids="SELECT cart_id AS id FROM silver.shopping_carts WHERE source_system = %(source)s",
    entity="shopping_carts",
    consumes=(
        Consumes("shopping_carts", "cart_id"),
        Consumes("cart_items", "cart_id"),
        Consumes("sales", "sale_id"),
    ),
    expand="""
SELECT id FROM {wanted} WHERE role = 'cart_id'
UNION
SELECT c.cart_id FROM {wanted} wanted
JOIN silver.shopping_carts c ON c.source_system = %(source)s AND c.sale_id = wanted.id
WHERE wanted.role = 'sale_id'
""",
    # Written already, without its sale: Silver knows the sale and fct_sale has not taken it up yet.
    waiting="""
SELECT 'cart_id' AS role, c.cart_id AS id
FROM {scope} scope
JOIN silver.shopping_carts c ON c.source_system = %(source)s AND c.cart_id = scope.id AND NOT c.is_deleted
JOIN silver.sales s ON s.source_system = c.source_system AND s.sale_id = c.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
WHERE NOT EXISTS (SELECT FROM gold.fct_sale f WHERE f.sale_key = gold.member_key('sales', c.source_system, c.sale_id))
""",
    notifies=(
        Notifies(
            "mart_cart_funnel",
            "created_date",
            columns=(
                "created_date",
                "channel",
                "device_type",
                "currency_code",
                "customer_key",
                "status",
                "checkout_started_at",
                "abandoned_at",
                "last_activity_at",
                "is_converted",
                "item_count",
                "cart_value",
                "converted_value",
                "converted_currency_code",
            ),
        ),
    ),
    silver_inputs=("shopping_carts", "cart_items", "sales"),
    gold_inputs=("dim_source", "dim_date", "dim_customer", "dim_location", "fct_sale"),
    unique=(("source_key", "cart_id"),),
    checks=(
        Check("item_count_not_negative", "item_count >= 0"),
        Check("units_with_items", "(units > 0) = (item_count > 0)"),
        Check("converted_when", "is_converted OR converted_at IS NULL"),
        Check("minutes_not_negative", "minutes_to_checkout >= 0 AND minutes_to_conversion >= 0"),
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
    ),
    indexes=(
        (("sale_key",), ()),
        (("customer_key", "created_date"), ()),
        (("location_key", "created_date"), ()),
        (("source_key", "created_date"), ()),
        (("source_key", "inactivity_deadline_at"), ()),
        (("source_key", "silver_partition"), ()),
    ),
    brin=("created_date",),
    cascades=("fct_cart_item",),
)
