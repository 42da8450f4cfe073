WITH done AS (
    SELECT l.id, l.product_id::text AS product, l.quantity_product_uom AS units, l.date AT TIME ZONE 'UTC' AS happened_at,
        f.usage AS f, t.usage AS t, f.warehouse_id::text AS from_warehouse, t.warehouse_id::text AS to_warehouse,
        t.scrap_location,
        (SELECT coalesce('sale:' || sale_id, 'pos:' || pos_order_id) FROM stock_picking p
         WHERE p.id = l.picking_id) AS sale,
        (SELECT unit_cost FROM stock_valuation_layer v WHERE v.stock_move_id = l.move_id) AS cost
    FROM stock_move_line l, stock_location f, stock_location t
    WHERE l.state = 'done' AND f.id = l.location_id AND t.id = l.location_dest_id
)
SELECT id || '/in' AS stock_movement_id, product AS product_id, to_warehouse AS location_id,
    CASE f WHEN 'supplier' THEN 'purchase_receipt' WHEN 'customer' THEN 'customer_return'
        WHEN 'inventory' THEN 'adjustment' WHEN 'internal' THEN 'transfer_in' END AS movement_type,
    units AS quantity, sale AS sale_id, happened_at AS occurred_at, 'USD' AS currency_code, cost AS unit_cost
FROM done WHERE t = 'internal' AND from_warehouse IS DISTINCT FROM to_warehouse
UNION ALL
SELECT id || '/out', product, from_warehouse,
    CASE t WHEN 'supplier' THEN 'supplier_return' WHEN 'customer' THEN 'sale_issue'
        WHEN 'inventory' THEN CASE WHEN scrap_location THEN 'write_off' ELSE 'adjustment' END
        WHEN 'internal' THEN 'transfer_out' END,
    -units, sale, happened_at, 'USD', cost
FROM done WHERE f = 'internal' AND from_warehouse IS DISTINCT FROM to_warehouse
