SELECT 'rule:' || r.id AS coupon_id, upper(r.code) AS coupon_code, 'percentage' AS discount_type,
    NULL::text AS customer_id, CASE WHEN r.active THEN 'active' ELSE 'disabled' END AS status,
    'USD' AS currency_code, w.discount::numeric AS discount_value
FROM loyalty_rule r JOIN loyalty_reward w USING (program_id)
WHERE r.code <> ''
UNION ALL
SELECT 'card:' || c.id, upper(c.code), 'percentage', c.partner_id::text,
    CASE WHEN c.active THEN 'active' ELSE 'disabled' END, 'USD', w.discount::numeric
FROM loyalty_card c JOIN loyalty_program g ON g.id = c.program_id JOIN loyalty_reward w ON w.program_id = g.id
WHERE g.program_type LIKE '%coupons'
