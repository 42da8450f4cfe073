-- Which categories come back most often?
SELECT c.level1_name AS category, sum(m.units) AS sold, sum(m.returned_units) AS returned,
       round(100 * sum(m.returned_units) / nullif(sum(m.units), 0), 2) AS return_percent
FROM gold.mart_daily_sales m
JOIN gold.dim_product p USING (product_key)
JOIN gold.dim_category c USING (category_key)
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo'
GROUP BY 1
ORDER BY return_percent DESC, 1;
