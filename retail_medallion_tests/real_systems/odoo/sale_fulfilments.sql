WITH outgoing AS (
    SELECT p.*, y.warehouse_id::text AS warehouse, l.usage
    FROM stock_picking p JOIN stock_picking_type y ON y.id = picking_type_id JOIN stock_location l ON l.id = p.location_id
    WHERE y.code = 'outgoing'
)
SELECT o.id AS sale_fulfilment_id, coalesce('sale:' || sale_id, 'pos:' || pos_order_id) AS sale_id,
    CASE WHEN state = ANY ('{draft,confirmed,waiting}') THEN 'pending' WHEN state = 'assigned' THEN 'allocated'
        WHEN state = 'cancel' THEN 'cancelled' WHEN usage = 'customer' THEN 'returned'
        WHEN pos_order_id > 0 THEN 'picked_up' ELSE 'shipped' END AS status,
    warehouse AS location_id,
    (SELECT sum(CASE m.state WHEN 'done' THEN m.quantity ELSE m.product_uom_qty END) FROM stock_move m
     WHERE m.picking_id = o.id AND m.state <> 'cancel') AS quantity,
    CASE WHEN state = 'done' AND usage <> 'customer' AND pos_order_id IS NULL
        THEN date_done AT TIME ZONE 'UTC' END AS shipped_at
FROM outgoing o
