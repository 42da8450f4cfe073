-- How does each week compare with the one before?
SELECT d.week_start, m.currency_code, sum(m.net_revenue) AS net_revenue,
       round(100 * (sum(m.net_revenue) / nullif(lag(sum(m.net_revenue)) OVER w, 0) - 1), 1) AS change_percent
FROM gold.mart_daily_sales m
JOIN gold.dim_date d ON d.date_key = m.sale_date
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo'
GROUP BY 1, 2
WINDOW w AS (PARTITION BY m.currency_code ORDER BY d.week_start)
ORDER BY 2, 1;
