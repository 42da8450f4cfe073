-- What does each top-level category sell, and what does it earn?
SELECT c.level1_name AS category, m.currency_code, sum(m.units) AS units, sum(m.net_revenue) AS net_revenue,
       sum(m.margin_amount) AS margin
FROM gold.mart_daily_sales m
JOIN gold.dim_product p USING (product_key)
JOIN gold.dim_category c USING (category_key)
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND m.sale_date BETWEEN '2026-06-01' AND '2026-06-30'
GROUP BY 1, 2
ORDER BY 2, net_revenue DESC, 1;
