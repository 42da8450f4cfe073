"""What each day of each entity brought, what was refused of it and what is found wrong with it now."""

from __future__ import annotations

from retail_medallion.gold.definition import ALL, Check, Column, GoldTable, provenance_columns

TABLE = GoldTable(
    name="mart_data_quality",
    kind="mart",
    grain="one Silver partition: day of arrival x entity of one source",
    question="Which entities are refused or questioned more than before, and which are late?",
    example="""
SELECT s.source_system, m.entity, d.month_start, sum(m.accepted) AS accepted, sum(m.rejected) AS rejected,
       sum(m.findings) AS findings, max(m.days_behind) AS days_behind
FROM gold.mart_data_quality m JOIN gold.dim_source s USING (source_key)
JOIN gold.dim_date d ON d.date_key = m.partition_date
GROUP BY 1, 2, 3 ORDER BY 5 DESC, 6 DESC
""",
    columns=(
        *provenance_columns(),
        Column("partition_date", "date", "day of arrival", references="dim_date"),
        Column("entity", "text", "canonical entity"),
        Column("rows_read", "bigint", "rows of Bronze"),
        Column("filtered", "bigint", "rows the mapping leaves out"),
        Column("accepted", "bigint", "rows in Silver"),
        Column("rejected", "bigint", "rows in quarantine"),
        Column("superseded", "bigint", "rows another row of the same key and day replaced"),
        Column("rejections", "jsonb", "rule to number of rejected rows that break it"),
        Column("warnings", "jsonb", "rule to number of accepted rows that break it"),
        Column(
            "findings",
            "bigint",
            "what is found wrong across rows with rows of this day, now",
        ),
        Column("findings_by_rule", "jsonb", "rule to number of those"),
        Column(
            "days_behind",
            "integer",
            "days the last partition of the entity lies behind the newest of its source; the same in all rows of it",
        ),
    ),
    primary_key=("source_key", "partition_date", "entity"),
    select="""
SELECT gold.member_key('sources', p.source_system, p.source_system) AS source_key,
       p.partition_date, p.entity, p.rows_read, p.filtered, p.accepted, p.rejected, p.superseded,
       p.rejections, p.warnings, coalesce(f.findings, 0) AS findings,
       coalesce(f.findings_by_rule, jsonb_build_object()) AS findings_by_rule,
       max(p.partition_date) OVER () - max(p.partition_date) OVER (PARTITION BY p.entity) AS days_behind
FROM {scope} scope
JOIN silver_meta.partition_state p ON p.source_system = %(source)s
LEFT JOIN (
    SELECT r.entity, r.as_of_partition, sum(r.findings) AS findings,
           jsonb_object_agg(r.rule, r.findings) AS findings_by_rule
    FROM (SELECT entity, as_of_partition, rule, count(id) AS findings FROM silver_meta.finding
          WHERE source_system = %(source)s GROUP BY entity, as_of_partition, rule) r
    GROUP BY r.entity, r.as_of_partition
) f ON f.entity = p.entity AND f.as_of_partition = p.partition_date
""",
    scope_column="source_key",
    scope_value="gold.member_key('sources', %(source)s, %(source)s)",
    all_ids=f"SELECT '{ALL}' AS id",
    silver_inputs=(
        "cart_items",
        "coupons",
        "customers",
        "inventory_locations",
        "loyalty_transactions",
        "payment_methods",
        "product_categories",
        "product_reviews",
        "products",
        "sale_fulfilments",
        "sale_items",
        "sales",
        "shopping_carts",
        "stock_movements",
        "suppliers",
        "transactions",
    ),
    gold_inputs=("dim_source", "dim_date"),
    day_column="partition_date",
    # Findings come and go with rows of any day, and nobody tells of them.
    always=True,
    is_whole=True,
    reads_findings=True,
    checks=(
        Check("counts_not_negative", "least(rows_read, filtered, accepted, rejected, superseded, findings) >= 0"),
        Check("not_ahead_of_the_newest", "days_behind >= 0"),
    ),
    indexes=((("partition_date",), ()),),
)
