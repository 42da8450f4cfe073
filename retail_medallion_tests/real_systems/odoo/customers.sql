SELECT id AS customer_id, CASE WHEN is_company THEN NULL ELSE name END AS full_name,
    CASE WHEN is_company THEN 'business' ELSE 'person' END AS customer_type, lower(email) AS email, active AS is_active,
    create_date AT TIME ZONE 'UTC' AS registered_at
FROM res_partner
WHERE id IN (
    SELECT partner_id FROM sale_order
    UNION SELECT partner_id FROM pos_order
    UNION SELECT id FROM res_partner WHERE customer_rank <> 0)
