"""Products as they are now."""

from __future__ import annotations

from retail_medallion.gold.definition import Column, Consumes, GoldTable, member_columns

TABLE = GoldTable(
    name="dim_product",
    kind="dimension",
    grain="one sellable unit (SKU) of one source, as it is now",
    question="Which brands earn the most?",
    example="""
SELECT p.brand, i.currency_code, sum(i.net_revenue) AS net_revenue, sum(i.margin_amount) AS margin
FROM gold.fct_sale_item i JOIN gold.dim_product p USING (product_key)
WHERE i.is_revenue GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20
""",
    columns=(
        *member_columns("product_id", "product_key"),
        Column("parent_product_id", "text", "style or template the unit is a variant of", nullable=True),
        Column("sku", "text", "stock keeping unit", nullable=True),
        Column("gtin", "text", "GS1 trade item number, 14 digits", nullable=True),
        Column("product_name", "text", "name", inferred="label"),
        Column("variant_name", "text", "variant, such as colour and size", nullable=True),
        Column("brand", "text", "brand", nullable=True),
        Column("product_type", "text", "kind: goods, service, digital, ...", inferred="'unknown'"),
        Column("unit_of_measure", "text", "UN/ECE Rec 20 code", nullable=True),
        Column("category_key", "uuid", "primary category", references="dim_category"),
        Column("supplier_key", "uuid", "main supplier", references="dim_supplier"),
        Column("list_price", "numeric(18,4)", "current selling price of one unit", nullable=True),
        Column("cost_price", "numeric(18,4)", "current cost of one unit", nullable=True),
        Column("currency_code", "text", "currency of both prices", nullable=True),
        Column("tax_rate", "numeric(9,6)", "default tax rate as a fraction", nullable=True),
        Column("weight_grams", "numeric(18,3)", "shipping weight", nullable=True),
        Column("attributes", "jsonb", "colour, size, material, ...", nullable=True),
        Column("is_active", "boolean", "may be sold; empty where not known", nullable=True),
        Column("is_stock_tracked", "boolean", "counted in stock; empty where not known", nullable=True),
        Column("launched_on", "date", "first day on sale", nullable=True),
        Column("discontinued_on", "date", "last day on sale", nullable=True),
    ),
    primary_key=("product_key",),
    select="""
SELECT gold.member_key('products', p.source_system, p.product_id) AS product_key,
       p.source_system, p.product_id, source.tenant, false AS is_inferred, p.is_deleted,
       p.winner_partition AS silver_partition,
       p.parent_product_id, p.sku, p.gtin::text AS gtin, p.product_name, p.variant_name, p.brand, p.product_type,
       p.unit_of_measure,
       gold.member_key('product_categories', p.source_system, p.category_id) AS category_key,
       p.category_id AS category_key_of,
       gold.member_key('suppliers', p.source_system, p.supplier_id) AS supplier_key,
       p.supplier_id AS supplier_key_of,
       p.list_price, p.cost_price, p.currency_code::text AS currency_code, p.tax_rate, p.weight_grams, p.attributes,
       p.is_active, p.is_stock_tracked, p.launched_on, p.discontinued_on
FROM {scope} scope
JOIN silver.products p ON p.source_system = %(source)s AND p.product_id = scope.id
JOIN silver_meta.source source ON source.source_system = p.source_system
""",
    scope_column="product_key",
    scope_value="gold.member_key('products', %(source)s, id)",
    all_ids="SELECT product_id AS id FROM silver.products WHERE source_system = %(source)s",
    entity="products",
    id_column="product_id",
    consumes=(Consumes("products", "product_id"),),
    silver_inputs=("products",),
    gold_inputs=("dim_category", "dim_supplier"),
    unique=(("source_system", "product_id"),),
)
