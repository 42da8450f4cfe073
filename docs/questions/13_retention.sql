-- Of those who first bought in a month, how many bought again in the following ones?
SELECT m.cohort_month, m.months_since, m.customers, m.active, round(100 * m.retention, 1) AS active_percent,
       m.cumulative_revenue_per_head
FROM gold.mart_cohort_retention m
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND m.currency_code = 'EUR'
ORDER BY 1, 2;
