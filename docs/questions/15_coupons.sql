-- Which coupons went with larger orders than the same channel had without?
SELECT c.coupon_code, m.currency_code, sum(m.redemptions) AS redemptions, sum(m.discount_amount) AS discount,
       round(sum(m.net_revenue) / sum(m.redemptions), 2) AS average_order,
       round(avg(m.average_order_without), 2) AS average_order_without
FROM gold.mart_coupon_effect m
JOIN gold.dim_coupon c USING (coupon_key)
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo'
GROUP BY c.coupon_key, c.coupon_code, m.currency_code
HAVING sum(m.redemptions) >= 10
ORDER BY sum(m.net_revenue) / sum(m.redemptions) - avg(m.average_order_without) DESC NULLS LAST, 1
LIMIT 10;
