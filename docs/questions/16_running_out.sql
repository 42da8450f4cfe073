-- Which of the products that sell best run out first, and where?
SELECT p.product_name, l.location_name, m.closing_quantity, m.cover_days
FROM gold.mart_inventory_health m
JOIN gold.dim_product p USING (product_key)
JOIN gold.dim_location l USING (location_key)
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND m.week_start = '2026-06-29' AND m.abc_class = 'A' AND m.closing_quantity > 0
ORDER BY m.cover_days, 1, 2, 3
LIMIT 20;
