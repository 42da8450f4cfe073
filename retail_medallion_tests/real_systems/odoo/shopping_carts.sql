SELECT o.id AS cart_id, partner_id::text AS customer_id, CASE state WHEN 'sent' THEN 'checkout' ELSE 'active' END AS status,
    o.create_date AT TIME ZONE 'UTC' AS created_at, c.name::text AS currency_code, amount_total AS total_amount
FROM sale_order o JOIN res_currency c ON c.id = currency_id
WHERE website_id > 0 AND state = ANY ('{draft,sent}')
