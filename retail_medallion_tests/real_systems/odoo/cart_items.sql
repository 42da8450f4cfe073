SELECT l.id AS cart_item_id, order_id::text AS cart_id, product_id::text, product_uom_qty AS quantity,
    greatest(price_unit, 0) AS unit_price, price_subtotal AS line_amount
FROM sale_order_line l JOIN sale_order o ON o.id = order_id
WHERE display_type IS NULL AND website_id > 0 AND o.state = ANY ('{draft,sent}')
