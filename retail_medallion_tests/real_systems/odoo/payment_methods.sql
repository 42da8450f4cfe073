SELECT 'online:' || id AS payment_method_id, name ->> 'en_US' AS method_name, true AS is_online, active AS is_active
FROM payment_method
UNION ALL
SELECT 'pos:' || id, name ->> 'en_US', false, active
FROM pos_payment_method
