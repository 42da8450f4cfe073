-- What does each store turn over per square metre?
SELECT l.location_name, m.currency_code, l.floor_area_m2, sum(m.net_revenue) AS net_revenue,
       round(sum(m.net_revenue) / l.floor_area_m2, 2) AS revenue_per_m2
FROM gold.mart_store_day m
JOIN gold.dim_location l USING (location_key)
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND l.is_selling AND l.floor_area_m2 > 0
  AND m.sale_date BETWEEN '2026-06-01' AND '2026-06-30'
GROUP BY l.location_key, l.location_name, l.floor_area_m2, m.currency_code
ORDER BY revenue_per_m2 DESC, 1;
