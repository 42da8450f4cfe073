-- Which products are bought together more often than chance would have it?
SELECT a.product_name AS product, b.product_name AS bought_with, m.sales_with_both, round(m.lift, 2) AS lift
FROM gold.mart_basket_pair m
JOIN gold.dim_product a ON a.product_key = m.product_a_key
JOIN gold.dim_product b ON b.product_key = m.product_b_key
JOIN gold.dim_source s ON s.source_key = m.source_key
WHERE s.source_system = 'demo'
ORDER BY m.lift DESC, m.sales_with_both DESC, 1, 2
LIMIT 10;
