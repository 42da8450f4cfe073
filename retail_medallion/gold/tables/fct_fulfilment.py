"""Shipments, pick-ups and hand-overs with their milestones."""

from __future__ import annotations

from retail_medallion.gold.definition import (
    ADDED_QUANTITY,
    Check,
    Column,
    Consumes,
    GoldTable,
    Notifies,
    provenance_columns,
)

_HOURS = "numeric(12,2)"


def _day(name: str, meaning: str) -> Column:
    return Column(f"{name}_date", "date", f"local date {meaning}", nullable=True, references="dim_date")


TABLE = GoldTable(
    name="fct_fulfilment",
    kind="fact",
    grain="one shipment, pick-up or hand-over that is not deleted and not for a test sale",
    question="Which carriers keep their promise?",
    example="""
SELECT f.carrier, count(*) AS delivered, round(avg(f.hours_in_transit), 1) AS hours_in_transit,
       round(count(*) FILTER (WHERE f.is_on_time)::numeric / nullif(count(f.is_on_time), 0), 3) AS on_time
FROM gold.fct_fulfilment f WHERE f.delivered_date IS NOT NULL GROUP BY 1 ORDER BY 2 DESC
""",
    columns=(
        Column("fulfilment_key", "uuid", "surrogate key"),
        *provenance_columns(),
        Column("sale_fulfilment_id", "text", "key of the fulfilment in its source"),
        Column(
            "sale_key",
            "uuid",
            "what is fulfilled; empty for a deleted sale, or until the sale is known",
            nullable=True,
            references="fct_sale",
        ),
        Column("customer_key", "uuid", "buyer of the sale", references="dim_customer"),
        Column("location_key", "uuid", "where it ships from, else the location of the sale", references="dim_location"),
        Column("fulfilment_type", "text", "kind"),
        Column("status", "text", "state"),
        Column("carrier", "text", "carrier", nullable=True),
        Column("service_level", "text", "service", nullable=True),
        Column("destination_country_code", "text", "country it goes to", nullable=True),
        Column("created_date", "date", "local date it was requested", references="dim_date"),
        Column("promised_date", "date", "local date it was promised for; no foreign key", nullable=True),
        _day("picked", "it was picked"),
        _day("packed", "it was packed"),
        _day("shipped", "it left"),
        _day("delivered", "it arrived or was picked up"),
        _day("returned", "it came back"),
        _day("cancelled", "it was cancelled"),
        Column("hours_to_pick", _HOURS, "from the request to picking", nullable=True),
        Column("hours_to_ship", _HOURS, "from the request to leaving", nullable=True),
        Column("hours_in_transit", _HOURS, "from leaving to arrival", nullable=True),
        Column("hours_to_deliver", _HOURS, "from the request to arrival", nullable=True),
        Column("hours_vs_promise", _HOURS, "arrival after the promise; negative where earlier", nullable=True),
        Column("quantity", ADDED_QUANTITY, "units in it; empty where not known", nullable=True),
        Column(
            "ordered_quantity",
            ADDED_QUANTITY,
            "units ordered on the lines of the sale it names, else on all its lines that sell; empty without any",
            nullable=True,
        ),
        Column("is_on_time", "boolean", "arrived by the promise; empty without either", nullable=True),
        Column(
            "is_in_full",
            "boolean",
            "arrived with all that was ordered; empty before arrival or where a quantity is not known",
            nullable=True,
        ),
        Column("attempt_count", "integer", "delivery attempts", nullable=True),
        Column("shipping_cost", "numeric(18,4)", "cost to the retailer", nullable=True),
        Column("currency_code", "text", "currency of the cost", nullable=True),
        Column("silver_partition", "date", "partition of the fulfilment in Silver"),
    ),
    primary_key=("fulfilment_key",),
    select="""
WITH fulfilment AS (
    SELECT f.*, source.timezone, listed.line_ids, coalesce(f.quantity, listed.quantity) AS units
    FROM {scope} scope
    JOIN silver.sale_fulfilments f
      ON f.source_system = %(source)s AND f.sale_fulfilment_id = scope.id AND NOT f.is_deleted
    JOIN silver_meta.source source ON source.source_system = f.source_system
    CROSS JOIN LATERAL (
        SELECT array_agg(line ->> 'sale_item_id') FILTER (WHERE line ->> 'sale_item_id' IS NOT NULL) AS line_ids,
               sum(CASE WHEN line ->> 'quantity' ~ '^-?[0-9]{{1,15}}([.][0-9]+)?$'
                        THEN (line ->> 'quantity')::numeric END) AS quantity
        FROM jsonb_array_elements(CASE WHEN jsonb_typeof(f.lines) = 'array' THEN f.lines ELSE '[]' END) AS line
    ) listed
    WHERE NOT EXISTS (SELECT FROM silver.sales test
                      WHERE test.source_system = f.source_system AND test.sale_id = f.sale_id AND test.is_test)
), ordered AS (
    SELECT f.sale_fulfilment_id, sum(i.quantity) AS quantity
    FROM fulfilment f
    JOIN silver.sale_items i ON i.source_system = f.source_system AND i.sale_id = f.sale_id AND NOT i.is_deleted
     AND CASE WHEN f.line_ids IS NOT NULL THEN i.sale_item_id = ANY (f.line_ids)
              WHEN f.sale_item_id IS NOT NULL THEN i.sale_item_id = f.sale_item_id
              ELSE i.line_type = 'sale' END
    GROUP BY f.sale_fulfilment_id
)
SELECT gold.member_key('sale_fulfilments', f.source_system, f.sale_fulfilment_id) AS fulfilment_key,
       gold.member_key('sources', f.source_system, f.source_system) AS source_key,
       f.sale_fulfilment_id,
       CASE WHEN s.sale_id IS NOT NULL THEN g.sale_key END AS sale_key,
       gold.member_key('customers', f.source_system, s.customer_id) AS customer_key, s.customer_id AS customer_key_of,
       gold.member_key('inventory_locations', f.source_system, coalesce(f.location_id, s.location_id)) AS location_key,
       coalesce(f.location_id, s.location_id) AS location_key_of,
       f.fulfilment_type, f.status, f.carrier, f.service_level,
       f.destination_country_code::text AS destination_country_code,
       (f.created_at AT TIME ZONE f.timezone)::date AS created_date,
       (f.promised_at AT TIME ZONE f.timezone)::date AS promised_date,
       (f.picked_at AT TIME ZONE f.timezone)::date AS picked_date,
       (f.packed_at AT TIME ZONE f.timezone)::date AS packed_date,
       (f.shipped_at AT TIME ZONE f.timezone)::date AS shipped_date,
       (f.delivered_at AT TIME ZONE f.timezone)::date AS delivered_date,
       (f.returned_at AT TIME ZONE f.timezone)::date AS returned_date,
       (f.cancelled_at AT TIME ZONE f.timezone)::date AS cancelled_date,
       round(extract(epoch FROM f.picked_at - f.created_at) / 3600, 2) AS hours_to_pick,
       round(extract(epoch FROM f.shipped_at - f.created_at) / 3600, 2) AS hours_to_ship,
       round(extract(epoch FROM f.delivered_at - f.shipped_at) / 3600, 2) AS hours_in_transit,
       round(extract(epoch FROM f.delivered_at - f.created_at) / 3600, 2) AS hours_to_deliver,
       round(extract(epoch FROM f.delivered_at - f.promised_at) / 3600, 2) AS hours_vs_promise,
       f.units AS quantity, ordered.quantity AS ordered_quantity,
       f.delivered_at <= f.promised_at AS is_on_time,
       CASE WHEN f.delivered_at IS NOT NULL THEN f.units >= ordered.quantity END AS is_in_full,
       f.attempt_count, f.shipping_cost, f.currency_code::text AS currency_code,
       f.winner_partition AS silver_partition
FROM fulfilment f
LEFT JOIN ordered ON ordered.sale_fulfilment_id = f.sale_fulfilment_id
LEFT JOIN silver.sales s ON s.source_system = f.source_system AND s.sale_id = f.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
LEFT JOIN gold.fct_sale g ON g.sale_key = gold.member_key('sales', f.source_system, f.sale_id)
""",
    scope_column="fulfilment_key",
    scope_value="gold.member_key('sale_fulfilments', %(source)s, id)",
    all_ids="SELECT sale_fulfilment_id AS id FROM silver.sale_fulfilments WHERE source_system = %(source)s",
    entity="sale_fulfilments",
    consumes=(
        Consumes("sale_fulfilments", "sale_fulfilment_id"),
        Consumes("sales", "sale_id"),
        Consumes("sale_items", "sale_id"),
    ),
    expand="""
SELECT id FROM {wanted} WHERE role = 'sale_fulfilment_id'
UNION
SELECT f.sale_fulfilment_id FROM {wanted} wanted
JOIN silver.sale_fulfilments f ON f.source_system = %(source)s AND f.sale_id = wanted.id
WHERE wanted.role = 'sale_id'
""",
    # Written already, without its sale: Silver knows the sale and fct_sale has not taken it up yet.
    waiting="""
SELECT 'sale_fulfilment_id' AS role, f.sale_fulfilment_id AS id
FROM {scope} scope
JOIN silver.sale_fulfilments f
  ON f.source_system = %(source)s AND f.sale_fulfilment_id = scope.id AND NOT f.is_deleted
JOIN silver.sales s ON s.source_system = f.source_system AND s.sale_id = f.sale_id
 AND NOT s.is_deleted AND NOT s.is_test
WHERE NOT EXISTS (SELECT FROM gold.fct_sale g WHERE g.sale_key = gold.member_key('sales', f.source_system, f.sale_id))
""",
    notifies=(
        Notifies(
            "mart_fulfilment_service",
            "created_date",
            columns=(
                "created_date",
                "location_key",
                "carrier",
                "fulfilment_type",
                "status",
                "promised_date",
                "delivered_date",
                "cancelled_date",
                "returned_date",
                "is_on_time",
                "is_in_full",
                "hours_to_ship",
                "hours_in_transit",
                "hours_to_deliver",
            ),
        ),
    ),
    silver_inputs=("sale_fulfilments", "sales", "sale_items"),
    gold_inputs=("dim_source", "dim_date", "dim_customer", "dim_location", "fct_sale"),
    unique=(("source_key", "sale_fulfilment_id"),),
    checks=(
        Check("in_full_when_delivered", "is_in_full IS NULL OR delivered_date IS NOT NULL"),
        Check("on_time_with_promise", "(is_on_time IS NULL) = (delivered_date IS NULL OR promised_date IS NULL)"),
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
    ),
    indexes=(
        (("sale_key",), ()),
        (("customer_key", "created_date"), ()),
        (("location_key", "created_date"), ()),
        (("source_key", "created_date"), ()),
        (("source_key", "promised_date"), ()),
        (("source_key", "silver_partition"), ()),
    ),
    brin=("created_date",),
)
