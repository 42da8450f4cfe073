-- What did each loyalty tier buy, by the tier people were in on the day of the sale?
SELECT i.loyalty_tier, i.currency_code, count(DISTINCT i.customer_key) AS customers, sum(i.net_revenue) AS net_revenue
FROM gold.v_sale_item_as_was i
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND i.is_revenue AND i.sale_date BETWEEN '2026-06-01' AND '2026-06-30'
GROUP BY 1, 2
ORDER BY 2, 1;
