-- Where are carts abandoned, and what was in them?
SELECT m.channel, m.device_type, m.currency_code, sum(m.carts) AS carts, sum(m.converted) AS bought,
       sum(m.abandoned) AS abandoned, sum(m.abandoned_value) AS abandoned_value,
       sum(m.recovered_within_7_days) AS bought_within_7_days
FROM gold.mart_cart_funnel m
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND m.created_date BETWEEN '2026-06-01' AND '2026-06-30'
GROUP BY 1, 2, 3
ORDER BY abandoned_value DESC, 1, 2, 3;
