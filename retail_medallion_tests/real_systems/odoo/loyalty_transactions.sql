SELECT h.id AS loyalty_transaction_id, card_id::text AS loyalty_account_id, partner_id::text AS customer_id,
    coalesce(issued::numeric, 0) - coalesce(used::numeric, 0) AS points,
    CASE WHEN used > 0 AND issued > 0 THEN 'adjust' WHEN used > 0 THEN 'redeem' WHEN h.order_id > 0 THEN 'earn'
        ELSE 'bonus' END AS transaction_type,
    CASE WHEN h.order_id > 0 THEN split_part(order_model, '.', 1) || ':' || h.order_id END AS sale_id,
    h.create_date AT TIME ZONE 'UTC' AS occurred_at
FROM loyalty_history h, loyalty_card c
WHERE c.id = card_id
