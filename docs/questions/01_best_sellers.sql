-- Which ten products brought the most revenue in June, and at what margin?
SELECT p.product_name, m.currency_code, sum(m.units) AS units, sum(m.net_revenue) AS net_revenue,
       round(100 * sum(m.margin_amount) / nullif(sum(m.net_revenue), 0), 1) AS margin_percent
FROM gold.mart_daily_sales m
JOIN gold.dim_product p USING (product_key)
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND m.sale_date BETWEEN '2026-06-01' AND '2026-06-30' AND m.currency_code = 'EUR'
  AND p.source_system <> ''
GROUP BY p.product_key, p.product_name, m.currency_code
ORDER BY net_revenue DESC, p.product_name
LIMIT 10;
