SELECT w.id AS location_id, w.name AS location_name, w.active AS is_active,
    (SELECT c.code FROM res_partner p, res_country c WHERE p.id = w.partner_id AND c.id = p.country_id) AS country_code
FROM stock_warehouse w
