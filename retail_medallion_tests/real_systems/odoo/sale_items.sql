WITH services AS (
    SELECT p.id FROM product_product p JOIN product_template t ON t.id = p.product_tmpl_id WHERE t.type = 'service'
)
SELECT 'sale:' || l.id AS sale_item_id, 'sale:' || l.order_id AS sale_id,
    CASE WHEN product_id IN (SELECT product_id FROM delivery_carrier) THEN 'shipping' WHEN reward_id > 0 THEN 'fee'
        WHEN product_id IN (SELECT id FROM services) THEN 'service' ELSE 'sale' END AS line_type,
    product_id::text, product_uom_qty * CASE product_uom WHEN 2 THEN 12 ELSE 1 END AS quantity, NULL::text AS original_sale_item_id,
    greatest(price_unit, 0) / CASE product_uom WHEN 2 THEN 12 ELSE 1 END AS unit_price, greatest(price_unit, 0) * product_uom_qty AS gross_amount,
    greatest(price_unit, 0) * product_uom_qty - price_subtotal AS discount_amount,
    round(price_tax::numeric, 2) AS tax_amount, price_total AS net_amount
FROM sale_order_line l JOIN sale_order o ON o.id = l.order_id
WHERE display_type IS NULL AND (o.state = 'sale' OR (o.state = 'cancel' AND procurement_group_id > 0))
UNION ALL
SELECT 'pos:' || l.id, 'pos:' || order_id,
    CASE WHEN refunded_orderline_id > 0 THEN 'return' WHEN product_id IN (SELECT id FROM services) THEN 'service'
        ELSE 'sale' END,
    product_id::text, abs(qty), 'pos:' || refunded_orderline_id,
    price_unit, abs(price_unit * qty), abs(price_unit * qty) - abs(price_subtotal),
    abs(price_subtotal_incl) - abs(price_subtotal), abs(price_subtotal_incl)
FROM pos_order_line l JOIN pos_order o ON o.id = l.order_id
WHERE o.state = ANY ('{paid,done,invoiced}')
