SELECT id::text AS category_id, parent_id::text AS parent_category_id, complete_name AS source_path
FROM product_category
UNION ALL
SELECT format('shop:%s', id), CASE WHEN parent_id > 0 THEN format('shop:%s', parent_id) END, parent_path
FROM product_public_category
