-- What goods cost, without the delivery: known by the products of the carriers, where the mapping goes by a flag.
WITH goods AS (
    SELECT order_id, sum(price_subtotal) AS net,
        sum(CASE WHEN reward_id > 0 THEN 0 ELSE price_unit * product_uom_qty END) AS gross
    FROM sale_order_line
    WHERE display_type IS NULL AND product_id NOT IN (SELECT product_id FROM delivery_carrier)
    GROUP BY order_id
), tickets AS (
    SELECT order_id, sum(price_unit * qty) AS gross FROM pos_order_line GROUP BY order_id
)
SELECT 'sale:' || o.id AS sale_id, o.name AS sale_number, 'sale' AS sale_type,
    CASE WHEN website_id > 0 THEN 'web' ELSE 'business' END AS channel,
    CASE WHEN state = 'cancel' THEN 'cancelled' WHEN delivery_status = 'full' THEN 'completed' ELSE 'confirmed' END AS status,
    partner_id::text AS customer_id, warehouse_id::text AS location_id, date_order AT TIME ZONE 'UTC' AS sold_at,
    c.name::text AS currency_code, coalesce(gross, 0) AS subtotal_amount, coalesce(gross - net, 0) AS discount_amount,
    amount_untaxed - coalesce(net, 0) AS shipping_amount, amount_tax AS tax_amount, amount_total AS total_amount
FROM sale_order o JOIN res_currency c ON c.id = currency_id LEFT JOIN goods ON order_id = o.id
WHERE state = 'sale' OR (state = 'cancel' AND procurement_group_id > 0)
UNION ALL
SELECT 'pos:' || o.id, upper(name), CASE WHEN amount_total < 0 THEN 'return' ELSE 'sale' END, 'store', 'completed',
    partner_id::text, '1', date_order AT TIME ZONE 'UTC', 'USD', gross, abs(gross - (amount_total - amount_tax)), 0,
    amount_tax, amount_total
FROM pos_order o JOIN tickets ON order_id = o.id
WHERE state = ANY ('{paid,done,invoiced}')
