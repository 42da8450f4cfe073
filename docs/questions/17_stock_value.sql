-- How much money lies in stock at the end of the month, and how often was nothing left?
SELECT l.location_name, f.currency_code, count(*) AS products, sum(f.stock_value) AS stock_value,
       count(*) FILTER (WHERE f.is_stock_out) AS nothing_left, count(*) FILTER (WHERE f.is_negative) AS below_zero
FROM gold.fct_inventory_daily f
JOIN gold.dim_location l USING (location_key)
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND f.snapshot_date = '2026-06-30'
GROUP BY l.location_key, l.location_name, f.currency_code
ORDER BY 1, 2;
