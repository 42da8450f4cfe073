"""Stores, warehouses and other places."""

from __future__ import annotations

from retail_medallion.gold.definition import Column, Consumes, GoldTable, member_columns

TABLE = GoldTable(
    name="dim_location",
    kind="dimension",
    grain="one place of one source that sells or holds stock, as it is now",
    question="What does each store turn over per square metre?",
    example="""
SELECT l.location_name, m.currency_code, round(sum(m.net_revenue) / nullif(l.floor_area_m2, 0), 2) AS revenue_per_m2
FROM gold.mart_daily_sales m JOIN gold.dim_location l USING (location_key)
WHERE l.is_selling GROUP BY l.location_key, l.location_name, l.floor_area_m2, m.currency_code
""",
    columns=(
        *member_columns("location_id", "location_key"),
        Column("location_code", "text", "store number", nullable=True),
        Column("location_name", "text", "name", inferred="label"),
        Column("location_type", "text", "kind: store, warehouse, online, ...", inferred="'unknown'"),
        Column("city", "text", "city", nullable=True),
        Column("region_code", "text", "ISO 3166-2 subdivision", nullable=True),
        Column("postal_code", "text", "post code", nullable=True),
        Column("country_code", "text", "ISO 3166-1 country", nullable=True),
        Column("time_zone", "text", "IANA zone", nullable=True),
        Column("latitude", "numeric(9,6)", "WGS 84 latitude", nullable=True),
        Column("longitude", "numeric(9,6)", "WGS 84 longitude", nullable=True),
        Column("floor_area_m2", "numeric(18,3)", "sales area", nullable=True),
        Column("parent_location_key", "uuid", "place it is part of", references="dim_location"),
        Column("opened_on", "date", "first trading day", nullable=True),
        Column("closed_on", "date", "last trading day", nullable=True),
        Column("is_active", "boolean", "in use; empty where not known", nullable=True),
        Column("is_selling", "boolean", "shoppers buy there: a store or an online shop", nullable=True),
        Column(
            "is_stocking",
            "boolean",
            "goods lie there: a store, warehouse, distribution or returns centre",
            nullable=True,
        ),
    ),
    primary_key=("location_key",),
    select="""
SELECT gold.member_key('inventory_locations', l.source_system, l.location_id) AS location_key,
       l.source_system, l.location_id, source.tenant, false AS is_inferred, l.is_deleted,
       l.winner_partition AS silver_partition,
       l.location_code, l.location_name, l.location_type, l.city, l.region_code, l.postal_code,
       l.country_code::text AS country_code, l.time_zone, l.latitude, l.longitude, l.floor_area_m2,
       gold.member_key('inventory_locations', l.source_system, l.parent_location_id) AS parent_location_key,
       l.parent_location_id AS parent_location_key_of,
       l.opened_on, l.closed_on, l.is_active,
       l.location_type IN ('store', 'online') AS is_selling,
       l.location_type IN ('store', 'warehouse', 'distribution_centre', 'returns') AS is_stocking
FROM {scope} scope
JOIN silver.inventory_locations l ON l.source_system = %(source)s AND l.location_id = scope.id
JOIN silver_meta.source source ON source.source_system = l.source_system
""",
    scope_column="location_key",
    scope_value="gold.member_key('inventory_locations', %(source)s, id)",
    all_ids="SELECT location_id AS id FROM silver.inventory_locations WHERE source_system = %(source)s",
    entity="inventory_locations",
    id_column="location_id",
    consumes=(Consumes("inventory_locations", "location_id"),),
    silver_inputs=("inventory_locations",),
    unique=(("source_system", "location_id"),),
)
