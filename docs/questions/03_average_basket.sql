-- How large is the average basket per channel?
SELECT f.channel, f.currency_code, count(*) AS sales, round(avg(f.net_revenue), 2) AS average_basket,
       round(avg(f.units), 2) AS units_per_sale
FROM gold.fct_sale f
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND f.is_revenue AND f.sale_type IN ('sale', 'exchange')
  AND f.sale_date BETWEEN '2026-06-01' AND '2026-06-30'
GROUP BY 1, 2
ORDER BY 1, 2;
