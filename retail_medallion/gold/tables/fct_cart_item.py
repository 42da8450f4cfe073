"""Product lines of carts."""

from __future__ import annotations

from retail_medallion.gold.definition import Check, Column, Consumes, GoldTable, provenance_columns

_MONEY = "numeric(18,4)"

TABLE = GoldTable(
    name="fct_cart_item",
    kind="fact",
    grain="one product line of a cart of fct_cart, also one that was taken out again",
    question="Which products are put into carts and taken out again?",
    example="""
SELECT p.product_name, count(*) AS put_in, count(*) FILTER (WHERE i.was_removed) AS taken_out
FROM gold.fct_cart_item i JOIN gold.dim_product p USING (product_key)
GROUP BY p.product_key, p.product_name ORDER BY 3 DESC LIMIT 20
""",
    columns=(
        Column("cart_item_key", "uuid", "surrogate key"),
        *provenance_columns(),
        Column("cart_item_id", "text", "key of the line in its source"),
        Column("cart_key", "uuid", "cart", references="fct_cart"),
        Column("product_key", "uuid", "product; not applicable where only a SKU is known", references="dim_product"),
        Column("added_date", "date", "local date it was put in, else that of the cart", references="dim_date"),
        Column("quantity", "numeric(18,3)", "units; 0 once taken out"),
        Column("unit_price", _MONEY, "price shown", nullable=True),
        Column("line_amount", _MONEY, "quantity times price less discount", nullable=True),
        Column("currency_code", "text", "currency of the cart"),
        Column("was_removed", "boolean", "taken out, or left with no units"),
        Column("silver_partition", "date", "partition of the line in Silver"),
    ),
    primary_key=("cart_item_key",),
    select="""
SELECT gold.member_key('cart_items', i.source_system, i.cart_item_id) AS cart_item_key,
       gold.member_key('sources', i.source_system, i.source_system) AS source_key,
       i.cart_item_id, f.cart_key,
       gold.member_key('products', i.source_system, i.product_id) AS product_key, i.product_id AS product_key_of,
       coalesce((i.added_at AT TIME ZONE source.timezone)::date, c.business_date) AS added_date,
       i.quantity, i.unit_price, i.line_amount, c.currency_code::text AS currency_code,
       i.quantity = 0 OR i.removed_at IS NOT NULL AS was_removed,
       i.winner_partition AS silver_partition
FROM {scope} scope
JOIN silver.shopping_carts c ON c.source_system = %(source)s AND c.cart_id = scope.id AND NOT c.is_deleted
JOIN silver_meta.source source ON source.source_system = c.source_system
JOIN silver.cart_items i ON i.source_system = c.source_system AND i.cart_id = c.cart_id AND NOT i.is_deleted
JOIN gold.fct_cart f ON f.cart_key = gold.member_key('shopping_carts', c.source_system, c.cart_id)
""",
    scope_column="cart_key",
    scope_value="gold.member_key('shopping_carts', %(source)s, id)",
    all_ids="SELECT DISTINCT cart_id AS id FROM silver.cart_items WHERE source_system = %(source)s",
    entity="cart_items",
    consumes=(Consumes("cart_items", "cart_id"), Consumes("shopping_carts", "cart_id")),
    # A cart that Silver does not know (whatever fct_cart still has of it), or that fct_cart has not taken up yet.
    waiting="""
SELECT 'cart_id' AS role, scope.id
FROM {scope} scope
WHERE EXISTS (SELECT FROM silver.cart_items i
              WHERE i.source_system = %(source)s AND i.cart_id = scope.id AND NOT i.is_deleted)
  AND NOT EXISTS (SELECT FROM silver.shopping_carts c
                  WHERE c.source_system = %(source)s AND c.cart_id = scope.id AND c.is_deleted)
  AND NOT EXISTS (SELECT FROM silver.shopping_carts c
                  JOIN gold.fct_cart f ON f.cart_key = gold.member_key('shopping_carts', c.source_system, c.cart_id)
                  WHERE c.source_system = %(source)s AND c.cart_id = scope.id)
""",
    silver_inputs=("cart_items", "shopping_carts"),
    gold_inputs=("dim_source", "dim_date", "dim_product", "fct_cart"),
    unique=(("source_key", "cart_item_id"),),
    checks=(
        Check("quantity_not_negative", "quantity >= 0"),
        Check("removed_without_units", "quantity > 0 OR was_removed"),
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
    ),
    indexes=(
        (("cart_key",), ()),
        (("product_key", "added_date"), ("quantity",)),
        (("source_key", "silver_partition"), ()),
    ),
    brin=("added_date",),
)
