SELECT 'online:' || t.id AS transaction_id,
    'sale:' || (SELECT sale_order_id FROM sale_order_transaction_rel WHERE transaction_id = t.id) AS sale_id,
    'payment' AS transaction_type,
    CASE state WHEN 'done' THEN 'succeeded' WHEN 'cancel' THEN 'cancelled' WHEN 'error' THEN 'failed'
        ELSE 'pending' END AS status,
    'online:' || payment_method_id AS payment_method_id, coalesce(last_state_change, t.create_date) AT TIME ZONE 'UTC' AS occurred_at,
    c.name::text AS currency_code, amount
FROM payment_transaction t, res_currency c WHERE c.id = t.currency_id
UNION ALL
SELECT 'pos:' || id, 'pos:' || pos_order_id, CASE WHEN amount < 0 THEN 'refund' ELSE 'payment' END, 'succeeded',
    'pos:' || payment_method_id, payment_date AT TIME ZONE 'UTC', 'USD', abs(amount)
FROM pos_payment
