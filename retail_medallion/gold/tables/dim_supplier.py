"""Suppliers as they are now, without contact persons."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, Consumes, GoldTable, member_columns

TABLE = GoldTable(
    name="dim_supplier",
    kind="dimension",
    grain="one vendor of goods of one source, as it is now",
    question="Whose goods earn the most margin?",
    example="""
SELECT v.supplier_name, i.currency_code, sum(i.margin_amount) AS margin
FROM gold.fct_sale_item i
JOIN gold.dim_product p USING (product_key) JOIN gold.dim_supplier v USING (supplier_key)
WHERE i.is_revenue GROUP BY 1, 2 ORDER BY 3 DESC NULLS LAST
""",
    columns=(
        *member_columns("supplier_id", "supplier_key"),
        Column("supplier_code", "text", "vendor number", nullable=True),
        Column("supplier_name", "text", "trading name", inferred="label"),
        Column("legal_name", "text", "legal entity", nullable=True),
        Column("tax_id", "text", "VAT number", nullable=True),
        Column("gln", "text", "GS1 location number", nullable=True),
        Column("city", "text", "city", nullable=True),
        Column("postal_code", "text", "post code", nullable=True),
        Column("region_code", "text", "ISO 3166-2 subdivision", nullable=True),
        Column("country_code", "text", "ISO 3166-1 country", nullable=True),
        Column("currency_code", "text", "purchase currency", nullable=True),
        Column("payment_terms_days", "integer", "net days", nullable=True),
        Column("lead_time_days", "integer", "order to receipt", nullable=True),
        Column("is_active", "boolean", "may be ordered from; empty where not known", nullable=True),
    ),
    primary_key=("supplier_key",),
    select="""
SELECT gold.member_key('suppliers', v.source_system, v.supplier_id) AS supplier_key,
       v.source_system, v.supplier_id, source.tenant, false AS is_inferred, v.is_deleted,
       v.winner_partition AS silver_partition,
       v.supplier_code, v.supplier_name, v.legal_name, v.tax_id, v.gln::text AS gln,
       v.city, v.postal_code, v.region_code,
       v.country_code::text AS country_code, v.currency_code::text AS currency_code, v.payment_terms_days,
       v.lead_time_days, v.is_active
FROM {scope} scope
JOIN silver.suppliers v ON v.source_system = %(source)s AND v.supplier_id = scope.id
JOIN silver_meta.source source ON source.source_system = v.source_system
""",
    scope_column="supplier_key",
    scope_value="gold.member_key('suppliers', %(source)s, id)",
    all_ids="SELECT supplier_id AS id FROM silver.suppliers WHERE source_system = %(source)s",
    entity="suppliers",
    id_column="supplier_id",
    consumes=(Consumes("suppliers", "supplier_id"),),
    silver_inputs=("suppliers",),
    unique=(("source_system", "supplier_id"),),
    checks=(Check("days_not_negative", "payment_terms_days >= 0 AND lead_time_days >= 0"),),
)
