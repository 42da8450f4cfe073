"""How far the carts of a day got: to items, to checkout, to a sale, or nowhere."""

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
from retail_medallion.gold.tables.pending_dates import all_dates, mentioned_dates

# A sale concerns only the carts its buyer left in the week before it, not all carts the buyer ever left.
PURCHASE_OF_CUSTOMER = Notifies(
    "mart_cart_funnel",
    "customer_key",
    value="CASE WHEN is_revenue AND sale_type IN ('sale', 'exchange')"
    " AND customer_key <> '00000000-0000-0000-0000-000000000000'"
    " THEN customer_key::text || '/' || (sold_at AT TIME ZONE 'UTC')::date::text END",
    columns=("customer_key", "sold_at", "is_revenue", "sale_type"),
)
"""How `fct_sale` tells of a purchase: as its buyer and its day in UTC."""

TABLE = GoldTable(
    name="mart_cart_funnel",
    kind="mart",
    grain="one day carts were opened on x channel x device x currency of one source",
    question="Where do shoppers leave, on which device, and what is left behind?",
    example="""
SELECT m.device_type, m.currency_code, sum(m.carts) AS carts, sum(m.checkout_started) AS checkout_started,
       sum(m.converted) AS converted, sum(m.abandoned_value) AS abandoned_value,
       round(sum(m.recovered_within_7_days)::numeric / nullif(sum(m.abandoned), 0), 4) AS recovered
FROM gold.mart_cart_funnel m GROUP BY 1, 2 ORDER BY 3 DESC
""",
    columns=(
        *provenance_columns(),
        Column("created_date", "date", "local date the carts were opened", references="dim_date"),
        Column("channel", "text", "where they were filled"),
        Column("device_type", "text", "device; unknown where the source does not say"),
        Column("currency_code", "text", "currency of all amounts; amounts of two currencies are never added"),
        Column("carts", "integer", "carts: those converted, merged, abandoned and open"),
        Column("with_items", "integer", "carts that hold an item"),
        Column("checkout_started", "integer", "carts whose checkout began, or that became a sale"),
        Column("converted", "integer", "carts that became a sale"),
        Column("merged", "integer", "carts that went into another one"),
        Column(
            "abandoned",
            "integer",
            "carts given up: the source says so, or nothing happened for 24 hours up to the last closed day",
        ),
        Column("open_carts", "integer", "carts that may still become a sale"),
        Column("conversion_rate", "numeric(9,6)", "converted as a fraction of the carts"),
        Column(
            "abandonment_rate",
            "numeric(9,6)",
            "abandoned as a fraction of the carts but merged ones; empty where all were merged",
            nullable=True,
        ),
        Column("cart_value", ADDED_MONEY, "value of all carts"),
        Column("abandoned_value", ADDED_MONEY, "value of the abandoned ones"),
        Column(
            "converted_value", ADDED_MONEY, "totals of the sales, as far as they are in the currency of their carts"
        ),
        Column(
            "recovered_within_7_days",
            "integer",
            "abandoned carts of a known shopper who bought something within seven days of leaving",
        ),
    ),
    primary_key=("source_key", "created_date", "channel", "device_type", "currency_code"),
    select="""
WITH cart AS (
    SELECT c.source_key, c.created_date, c.channel, coalesce(c.device_type, 'unknown') AS device_type, c.currency_code,
           c.cart_key, c.customer_key, c.last_activity_at, c.item_count, c.checkout_started_at, c.cart_value,
           CASE WHEN c.converted_currency_code = c.currency_code THEN c.converted_value END AS converted_value,
           CASE WHEN c.is_converted THEN 'converted' WHEN c.status = 'merged' THEN 'merged'
                WHEN c.abandoned_at IS NOT NULL OR c.status IN ('abandoned', 'expired')
                  OR c.inactivity_deadline_at <= %(horizon)s::date::timestamp AT TIME ZONE 'UTC' THEN 'abandoned'
                ELSE 'open' END AS outcome
    FROM {scope} scope
    JOIN gold.fct_cart c
      ON c.source_key = gold.member_key('sources', %(source)s, %(source)s) AND c.created_date = scope.id::date
), recovered AS (
    SELECT DISTINCT c.cart_key
    FROM cart c
    JOIN gold.fct_sale s ON s.customer_key = c.customer_key AND s.is_revenue AND s.sale_type IN ('sale', 'exchange')
     AND s.sold_at > c.last_activity_at AND s.sold_at <= c.last_activity_at + interval '7 days'
    WHERE c.outcome = 'abandoned' AND c.customer_key <> '00000000-0000-0000-0000-000000000000'
)
SELECT c.source_key, c.created_date, c.channel, c.device_type, c.currency_code,
       count(c.cart_key) AS carts,
       count(*) FILTER (WHERE c.item_count > 0) AS with_items,
       count(*) FILTER (WHERE c.checkout_started_at IS NOT NULL OR c.outcome = 'converted') AS checkout_started,
       count(*) FILTER (WHERE c.outcome = 'converted') AS converted,
       count(*) FILTER (WHERE c.outcome = 'merged') AS merged,
       count(*) FILTER (WHERE c.outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE c.outcome = 'open') AS open_carts,
       round(count(*) FILTER (WHERE c.outcome = 'converted')::numeric / count(*), 6) AS conversion_rate,
       round(count(*) FILTER (WHERE c.outcome = 'abandoned')::numeric
             / nullif(count(*) FILTER (WHERE c.outcome <> 'merged'), 0), 6) AS abandonment_rate,
       sum(c.cart_value) AS cart_value,
       coalesce(sum(c.cart_value) FILTER (WHERE c.outcome = 'abandoned'), 0) AS abandoned_value,
       coalesce(sum(c.converted_value), 0) AS converted_value,
       count(r.cart_key) AS recovered_within_7_days
FROM cart c LEFT JOIN recovered r ON r.cart_key = c.cart_key
GROUP BY c.source_key, c.created_date, c.channel, c.device_type, c.currency_code
""",
    scope_column="created_date",
    scope_value="id::date",
    all_ids=all_dates("fct_cart", "created_date"),
    consumes=(Consumes("fct_cart", "created_date"), Consumes("fct_sale", "customer_key")),
    expand="""
SELECT id FROM {wanted} WHERE role = 'created_date'
UNION
SELECT c.created_date::text
FROM (
    SELECT split_part(id, '/', 1)::uuid AS customer_key,
           split_part(id, '/', 2)::timestamp AT TIME ZONE 'UTC' AS sold_from
    FROM {wanted} WHERE role = 'customer_key'
) purchase
JOIN gold.fct_cart c ON c.customer_key = purchase.customer_key
 AND c.last_activity_at >= purchase.sold_from - interval '7 days'
 AND c.last_activity_at < purchase.sold_from + interval '1 day'
WHERE NOT c.is_converted AND c.status <> 'merged'
""",
    mentions=mentioned_dates("fct_cart", "created_date"),
    # The carts that change their outcome: their deadline lies between the two horizons.
    horizon="""
SELECT DISTINCT c.created_date::text AS id
FROM gold.fct_cart c
WHERE c.source_key = gold.member_key('sources', %(source)s, %(source)s)
  AND c.inactivity_deadline_at > CASE WHEN %(reached)s::date IS NULL OR %(horizon)s::date IS NULL THEN '-infinity'
          ELSE least(%(reached)s::date, %(horizon)s::date)::timestamp AT TIME ZONE 'UTC' END
  AND c.inactivity_deadline_at <= greatest(%(reached)s::date, %(horizon)s::date)::timestamp AT TIME ZONE 'UTC'
  AND NOT c.is_converted AND c.abandoned_at IS NULL AND c.status NOT IN ('merged', 'abandoned', 'expired')
""",
    gold_inputs=("fct_cart", "fct_sale"),
    day_column="created_date",
    checks=(
        Check("one_outcome_each", "carts > 0 AND carts = converted + merged + abandoned + open_carts"),
        Check("converted_after_checkout", "converted <= checkout_started"),
        Check("recovered_among_abandoned", "recovered_within_7_days <= abandoned"),
    ),
    indexes=((("created_date",), ()),),
)
