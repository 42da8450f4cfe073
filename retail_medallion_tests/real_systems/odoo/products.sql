SELECT v.id AS product_id, t.id::text AS parent_product_id, t.categ_id::text AS category_id,
    v.active AND t.sale_ok IS TRUE AS is_active,
    CASE t.type WHEN 'consu' THEN 'goods' WHEN 'service' THEN 'service' WHEN 'combo' THEN 'bundle' END AS product_type,
    (array(SELECT s.partner_id::text FROM product_supplierinfo s
           WHERE s.product_tmpl_id = t.id AND coalesce(s.product_id, v.id) = v.id
           ORDER BY s.sequence, s.min_qty DESC, s.price, s.id))[1] AS supplier_id,
    nullif(v.weight, 0) * 1000 AS weight_grams,
    'USD' AS currency_code,
    t.list_price + coalesce((
        SELECT sum(price_extra) FROM product_template_attribute_value
        WHERE id IN (SELECT product_template_attribute_value_id FROM product_variant_combination
                     WHERE product_product_id = v.id)), 0) AS list_price,
    (v.standard_price ->> '1')::numeric AS cost_price
FROM product_template t, product_product v
WHERE v.product_tmpl_id = t.id
