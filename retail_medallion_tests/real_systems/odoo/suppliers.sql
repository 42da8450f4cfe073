SELECT id AS supplier_id, name AS supplier_name, active AS is_active,
    (SELECT min(delay) FROM product_supplierinfo s WHERE s.partner_id = p.id) AS lead_time_days
FROM res_partner p
WHERE id IN (SELECT partner_id FROM product_supplierinfo UNION SELECT partner_id FROM purchase_order)
