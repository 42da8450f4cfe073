-- How much was sold per fiscal period?
SELECT c.fiscal_year, c.fiscal_period, m.currency_code, sum(m.net_revenue) AS net_revenue
FROM gold.mart_daily_sales m
JOIN gold.dim_fiscal_calendar c ON c.source_key = m.source_key AND c.date_key = m.sale_date
JOIN gold.dim_source s ON s.source_key = m.source_key
WHERE s.source_system = 'demo'
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
