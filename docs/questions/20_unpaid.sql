-- On which days does what was paid differ from what was due?
SELECT m.sale_date, m.currency_code, sum(m.due_amount) AS due, sum(m.captured_amount - m.refunded_amount) AS paid,
       sum(m.difference) AS difference, sum(m.underpaid_count) AS underpaid, sum(m.overpaid_count) AS overpaid
FROM gold.mart_payment_reconciliation m
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo' AND m.sale_date BETWEEN '2026-06-01' AND '2026-06-30'
GROUP BY 1, 2
HAVING sum(m.underpaid_count) + sum(m.overpaid_count) > 0
ORDER BY 1, 2;
