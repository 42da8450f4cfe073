-- Who are the best customers, and who is being lost?
SELECT m.segment, m.currency_code, count(*) AS people, sum(m.monetary_12m) AS spent_in_12_months,
       round(avg(m.recency_days), 1) AS days_since_last_sale
FROM gold.mart_customer_rfm m
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo'
GROUP BY 1, 2
ORDER BY 2, spent_in_12_months DESC, 1;
