-- How many purchases of each week are a customer's first?
SELECT d.week_start, count(*) AS purchases, count(*) FILTER (WHERE n.sale_number = 1) AS first_purchases,
       round(100.0 * count(*) FILTER (WHERE n.sale_number = 1) / count(*), 1) AS first_percent
FROM gold.v_customer_sale_number n
JOIN gold.dim_date d ON d.date_key = n.sale_date
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo'
GROUP BY 1
ORDER BY 1;
