-- How much is given away, on lines and on whole orders?
SELECT f.currency_code, sum(f.gross_amount) AS gross, sum(f.line_discount) AS on_lines,
       sum(f.allocated_discount) AS on_orders,
       round(100 * sum(f.line_discount + f.allocated_discount) / nullif(sum(f.gross_amount), 0), 2) AS percent
FROM gold.fct_sale_item f
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND f.is_revenue AND f.line_type = 'sale'
  AND f.sale_date BETWEEN '2026-06-01' AND '2026-06-30'
GROUP BY 1
ORDER BY 1;
