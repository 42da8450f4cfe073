-- How many sales of each week are somebody's first?
SELECT d.week_start, count(*) AS sales, count(*) FILTER (WHERE n.customer_sale_number = 1) AS first_sales,
       round(100.0 * count(*) FILTER (WHERE n.customer_sale_number = 1) / count(*), 1) AS first_percent
FROM gold.fct_sale f
JOIN gold.v_customer_sale_number n USING (sale_key)
JOIN gold.dim_date d ON d.date_key = f.sale_date
JOIN gold.dim_source s ON s.source_key = f.source_key
WHERE s.source_system = 'demo'
GROUP BY 1
ORDER BY 1;
