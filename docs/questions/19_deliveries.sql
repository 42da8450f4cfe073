-- Which carrier delivers on time and in full?
SELECT m.fulfilment_type, m.carrier, sum(m.fulfilments) AS fulfilments, sum(m.delivered) AS delivered,
       round(100.0 * sum(m.on_time) / nullif(sum(m.delivered), 0), 1) AS on_time_percent,
       sum(m.late) AS late, sum(m.open_overdue) AS overdue
FROM gold.mart_fulfilment_service m
JOIN gold.dim_source s USING (source_key)
WHERE s.source_system = 'demo'
GROUP BY 1, 2
ORDER BY fulfilments DESC, 1, 2;
