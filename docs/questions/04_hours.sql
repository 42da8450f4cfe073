-- At which hours do people buy in the stores?
SELECT h.hour - 1 AS hour, sum(h.sales) AS sales
FROM gold.mart_store_day m
JOIN gold.dim_source s USING (source_key)
CROSS JOIN LATERAL unnest(m.sales_by_hour) WITH ORDINALITY AS h (sales, hour)
WHERE s.source_system = 'demo' AND m.channel = 'store' AND m.sale_date BETWEEN '2026-06-01' AND '2026-06-30'
GROUP BY 1
HAVING sum(h.sales) > 0
ORDER BY 1;
