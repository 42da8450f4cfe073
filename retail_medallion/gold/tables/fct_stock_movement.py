"""Changes and counts of stock."""

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

TABLE = GoldTable(
    name="fct_stock_movement",
    kind="fact",
    grain="one change, or count, of one product at one location that is not deleted",
    question="What was written off last month, and what had it cost?",
    example="""
SELECT l.location_name, p.product_name, m.currency_code, -sum(m.quantity_delta) AS units, -sum(m.value_delta) AS cost
FROM gold.fct_stock_movement m
JOIN gold.dim_product p USING (product_key) JOIN gold.dim_location l USING (location_key)
WHERE m.movement_type = 'write_off' AND m.movement_date >= '2026-06-01' AND m.movement_date < '2026-07-01'
GROUP BY l.location_key, l.location_name, p.product_key, p.product_name, m.currency_code ORDER BY 5 DESC NULLS LAST
""",
    columns=(
        Column("stock_movement_key", "uuid", "surrogate key"),
        Column("movement_date", "date", "local date; the table is partitioned by its month", references="dim_date"),
        *provenance_columns(),
        Column("stock_movement_id", "text", "key of the movement in its source"),
        Column("product_key", "uuid", "what moved", references="dim_product"),
        Column("location_key", "uuid", "where the stock on hand changes", references="dim_location"),
        Column("counterpart_location_key", "uuid", "other end of a transfer", references="dim_location"),
        Column("supplier_key", "uuid", "supplier, if known", references="dim_supplier"),
        Column("sale_id", "text", "key of the sale behind it in its source; no foreign key", nullable=True),
        Column("movement_type", "text", "reason class"),
        Column("occurred_at", "timestamptz", "when"),
        Column(
            "quantity_delta",
            "numeric(18,3)",
            "signed effect on the stock on hand; empty for a count or an opening balance",
            nullable=True,
        ),
        Column(
            "counted_quantity",
            "numeric(18,3)",
            "the level a count or an opening balance sets; empty for all others",
            nullable=True,
        ),
        Column("unit_cost", "numeric(18,4)", "cost of one unit", nullable=True),
        Column("currency_code", "text", "currency of the cost and the value", nullable=True),
        Column("value_delta", ADDED_MONEY, "quantity_delta times unit_cost; empty without either", nullable=True),
        Column("silver_partition", "date", "partition of the movement in Silver"),
    ),
    primary_key=("stock_movement_key", "movement_date"),
    select="""
SELECT gold.member_key('stock_movements', m.source_system, m.stock_movement_id) AS stock_movement_key,
       m.business_date AS movement_date,
       gold.member_key('sources', m.source_system, m.source_system) AS source_key,
       m.stock_movement_id,
       gold.member_key('products', m.source_system, m.product_id) AS product_key, m.product_id AS product_key_of,
       gold.member_key('inventory_locations', m.source_system, m.location_id) AS location_key,
       m.location_id AS location_key_of,
       gold.member_key('inventory_locations', m.source_system, m.counterpart_location_id) AS counterpart_location_key,
       m.counterpart_location_id AS counterpart_location_key_of,
       gold.member_key('suppliers', m.source_system, m.supplier_id) AS supplier_key, m.supplier_id AS supplier_key_of,
       m.sale_id, m.movement_type, m.occurred_at,
       CASE WHEN m.movement_type NOT IN ('count', 'opening_balance') THEN m.quantity END AS quantity_delta,
       CASE WHEN m.movement_type IN ('count', 'opening_balance') THEN m.quantity END AS counted_quantity,
       m.unit_cost, m.currency_code::text AS currency_code,
       CASE WHEN m.movement_type NOT IN ('count', 'opening_balance')
            THEN round(m.quantity * m.unit_cost, 4) END AS value_delta,
       m.winner_partition AS silver_partition
FROM {scope} scope
JOIN silver.stock_movements m
  ON m.source_system = %(source)s AND m.stock_movement_id = scope.id AND NOT m.is_deleted
""",
    scope_column="stock_movement_key",
    scope_value="gold.member_key('stock_movements', %(source)s, id)",
    all_ids="SELECT stock_movement_id AS id FROM silver.stock_movements WHERE source_system = %(source)s",
    entity="stock_movements",
    consumes=(Consumes("stock_movements", "stock_movement_id"),),
    notifies=(
        Notifies(
            "fct_inventory_daily",
            "from",
            value="'from/' || movement_date || '/' || product_key || '/' || location_key",
            columns=(
                "product_key",
                "location_key",
                "movement_type",
                "occurred_at",
                "quantity_delta",
                "counted_quantity",
                "unit_cost",
                "currency_code",
            ),
        ),
    ),
    silver_inputs=("stock_movements",),
    gold_inputs=("dim_source", "dim_date", "dim_product", "dim_location", "dim_supplier"),
    months="""
SELECT DISTINCT date_trunc('month', m.business_date)::date
FROM {scope} scope
JOIN silver.stock_movements m ON m.source_system = %(source)s AND m.stock_movement_id = scope.id
WHERE NOT m.is_deleted ORDER BY 1
""",
    partition_column="movement_date",
    unique=(("source_key", "stock_movement_id", "movement_date"),),
    checks=(
        Check("change_or_level", "(quantity_delta IS NULL) <> (counted_quantity IS NULL)"),
        Check("level_by_type", "(counted_quantity IS NOT NULL) = (movement_type IN ('count', 'opening_balance'))"),
        Check("value_with_cost", "(value_delta IS NULL) = (quantity_delta IS NULL OR unit_cost IS NULL)"),
        Check("unit_cost_not_negative", "unit_cost >= 0"),
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
    ),
    indexes=(
        (("product_key", "location_key", "movement_date"), ()),
        (("location_key", "movement_date"), ()),
        (("counterpart_location_key",), ()),
        (("supplier_key",), ()),
        (("source_key", "silver_partition"), ()),
        (("source_key", "movement_date"), ()),
    ),
)
