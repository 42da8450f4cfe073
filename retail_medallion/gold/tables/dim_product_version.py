"""Products as they were: what they cost, and where they stood in the assortment, day by day."""

from __future__ import annotations

from retail_medallion.gold.definition import Column, Consumes, GoldTable
from retail_medallion.gold.tables import history

_ATTRIBUTES = {
    "product_name": "c.product_name",
    "brand": "c.brand",
    "product_type": "c.product_type",
    "category_id": history.reference("category_id", "category_key", "product_categories"),
    "supplier_id": history.reference("supplier_id", "supplier_key", "suppliers"),
    "list_price": "c.list_price",
    "cost_price": "c.cost_price",
    "currency_code": "c.currency_code::text AS currency_code",
    "tax_rate": "c.tax_rate",
    "is_active": "c.is_active",
    "is_deleted": "c.is_deleted",
}

TABLE = GoldTable(
    name="dim_product_version",
    kind="history",
    grain="one product over the days in which nothing of what is followed here changed",
    question="How did the list price of a brand move?",
    example="""
SELECT valid_from, product_key, list_price, currency_code FROM gold.dim_product_version
WHERE brand = 'Aurora' AND list_price IS NOT NULL ORDER BY product_key, valid_from
""",
    columns=history.columns(
        "product_key",
        "dim_product",
        (
            Column("product_name", "text", "name", nullable=True),
            Column("brand", "text", "brand", nullable=True),
            Column("product_type", "text", "kind: goods, service, digital, ...", nullable=True),
            Column("category_key", "uuid", "primary category", references="dim_category"),
            Column("supplier_key", "uuid", "main supplier", references="dim_supplier"),
            Column("list_price", "numeric(18,4)", "selling price of one unit", nullable=True),
            Column("cost_price", "numeric(18,4)", "cost of one unit", nullable=True),
            Column("currency_code", "text", "currency of both prices", nullable=True),
            Column("tax_rate", "numeric(9,6)", "default tax rate as a fraction", nullable=True),
            Column("is_active", "boolean", "may be sold", nullable=True),
            Column("is_deleted", "boolean", "the source marked it deleted", nullable=True),
        ),
    ),
    primary_key=("product_key", "valid_from"),
    select=history.select("products", "product_id", "product_key", _ATTRIBUTES),
    scope_column="product_key",
    scope_value="gold.member_key('products', %(source)s, id)",
    all_ids=history.all_ids("products", "product_id"),
    entity="products",
    consumes=(Consumes("products", "version_of_product_id"),),
    mentions=history.all_ids("products", "product_id", of_day=True),
    silver_inputs=("products",),
    gold_inputs=("dim_source", "dim_product", "dim_category", "dim_supplier"),
    checks=history.CHECKS,
    excludes=(history.no_overlap("product_key"),),
)
