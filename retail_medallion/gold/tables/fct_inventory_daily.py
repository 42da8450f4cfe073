"""Stock on hand at the end of each day.

A day is the day before and what moved on it. So a run begins at the last stored row before the days it was told of,
and a new day costs no more after a thousand days than after ten. What is stored before those days can be relied on:
whatever changed a movement told this table of the movement's day, under its old and its new date.
"""

from __future__ import annotations

from retail_medallion.gold.definition import (
    ADDED_MONEY,
    ADDED_QUANTITY,
    Check,
    Column,
    Consumes,
    GoldTable,
    provenance_columns,
)
from retail_medallion.gold.tables.whole import tells_whole

FROM = "from"
"""Scope ids `from/<date>/<product_key>/<location_key>`: the stock of one product at one location from a day on."""

DAY = "day"
"""Scope ids `day/<date>`: one day of all products and locations."""

_SOURCE_KEY = "gold.member_key('sources', %(source)s, %(source)s)"

# From the beginning of time: nothing that is stored counts.
_EVERYTHING = f"""
SELECT DISTINCT '{FROM}/-infinity/' || product_key || '/' || location_key AS id
FROM gold.fct_stock_movement WHERE source_key = {_SOURCE_KEY}
"""  # noqa: S608 constants only

_ASKED = """
    SELECT split_part(id, '/', 1) AS kind, split_part(id, '/', 2)::date AS day,
           nullif(split_part(id, '/', 3), '')::uuid AS product_key,
           nullif(split_part(id, '/', 4), '')::uuid AS location_key
    FROM {scope}
"""


def _moved(name: str, meaning: str) -> Column:
    return Column(name, ADDED_QUANTITY, meaning)


def _sum(movement_type: str, sign: str = "") -> str:
    total = f"{sign}sum(change) FILTER (WHERE movement_type = '{movement_type}')"
    return f"coalesce({total}, 0)"


TABLE = GoldTable(
    name="fct_inventory_daily",
    kind="fact",
    grain="one product at one location on one closed day on which there was stock, too little, or a movement",
    question="What was in stock at the end of last month, and what was it worth?",
    example="""
SELECT l.location_name, i.currency_code, count(*) FILTER (WHERE i.on_hand > 0) AS products,
       sum(i.on_hand) AS units, sum(i.stock_value) AS stock_value
FROM gold.fct_inventory_daily i JOIN gold.dim_location l USING (location_key)
WHERE i.snapshot_date = '2026-05-31' GROUP BY l.location_key, l.location_name, i.currency_code ORDER BY 1, 2
""",
    columns=(
        Column("product_key", "uuid", "product", references="dim_product"),
        Column("location_key", "uuid", "where it lies", references="dim_location"),
        Column("snapshot_date", "date", "the day; the table is partitioned by its month", references="dim_date"),
        *provenance_columns(),
        _moved("on_hand", "units at the end of the day: the last level counted and what moved since"),
        _moved("received", "units received from suppliers"),
        _moved("sold", "units issued for sales"),
        _moved("returned", "units customers brought back"),
        _moved("transferred_in", "units that came from other locations"),
        _moved("transferred_out", "units that went to other locations"),
        _moved(
            "adjusted",
            "all other changes, returns to suppliers and what a count differs from the books among them; signed",
        ),
        _moved("written_off", "units written off"),
        Column("unit_cost", "numeric(18,4)", "cost of one unit on the last movement that says one", nullable=True),
        Column("currency_code", "text", "currency of that cost", nullable=True),
        Column("stock_value", ADDED_MONEY, "on_hand times unit_cost; empty without a cost", nullable=True),
        Column("days_since_last_sale", "integer", "days since units were last issued for a sale", nullable=True),
        Column("is_stock_out", "boolean", "nothing on hand, or less"),
        Column("is_negative", "boolean", "the books have less than nothing on hand"),
    ),
    primary_key=("product_key", "location_key", "snapshot_date"),
    # Stretches of days per pair, no two of a pair overlapping; the stored row before each as if it were a count; all
    # movements since, in order; a row per day with movements, spread over the days up to the next one. A pair with
    # movements before the source's first day has no row before that day: then all movements say which pairs there are.
    select=f"""
WITH asked AS MATERIALIZED (
{_ASKED}
), days AS MATERIALIZED (
    SELECT unnest(range_agg(daterange(day, day + 1))) AS days
    FROM asked WHERE kind = '{DAY}' AND day < %(horizon)s::date
), stretch AS MATERIALIZED (
    SELECT row_number() OVER () AS stretch, s.product_key, s.location_key,
           lower(s.days) AS first, upper(s.days) AS after
    FROM (
        SELECT w.product_key, w.location_key, unnest(range_agg(w.days)) AS days
        FROM (
            SELECT product_key, location_key, daterange(min(day), %(horizon)s::date) AS days
            FROM asked WHERE kind = '{FROM}' AND day < %(horizon)s::date GROUP BY product_key, location_key
            UNION ALL
            SELECT pair.product_key, pair.location_key, d.days
            FROM days d
            JOIN silver_meta.source source ON source.source_system = %(source)s
            CROSS JOIN LATERAL (
                SELECT i.product_key, i.location_key FROM gold.fct_inventory_daily i
                WHERE i.source_key = {_SOURCE_KEY} AND i.snapshot_date = lower(d.days) - 1 AND i.on_hand <> 0
                UNION
                SELECT m.product_key, m.location_key FROM gold.fct_stock_movement m
                WHERE m.source_key = {_SOURCE_KEY} AND m.movement_date < upper(d.days)
                  AND m.movement_date >= CASE WHEN lower(d.days) > source.first_partition
                                              THEN lower(d.days) ELSE '-infinity' END
            ) pair
        ) w GROUP BY w.product_key, w.location_key
    ) s
), known AS MATERIALIZED (
    SELECT s.*, i.snapshot_date, i.on_hand, i.unit_cost, i.currency_code,
           i.snapshot_date - i.days_since_last_sale AS last_sale_date
    FROM stretch s LEFT JOIN LATERAL (
        SELECT * FROM gold.fct_inventory_daily i
        WHERE i.product_key = s.product_key AND i.location_key = s.location_key AND i.snapshot_date < s.first
        ORDER BY i.snapshot_date DESC LIMIT 1
    ) i ON true
), event AS (
    SELECT stretch, product_key, location_key, first, after, snapshot_date AS day, 'stored' AS movement_type,
           CAST(NULL AS timestamptz) AS occurred_at, '' AS stock_movement_id, on_hand AS level,
           CAST(NULL AS numeric) AS delta, unit_cost, currency_code, last_sale_date
    FROM known WHERE snapshot_date IS NOT NULL
    UNION ALL
    SELECT k.stretch, k.product_key, k.location_key, k.first, k.after, m.movement_date, m.movement_type,
           m.occurred_at, m.stock_movement_id, m.counted_quantity, m.quantity_delta, m.unit_cost,
           CASE WHEN m.unit_cost IS NOT NULL THEN m.currency_code END,
           CASE WHEN m.movement_type = 'sale_issue' THEN m.movement_date END
    FROM known k CROSS JOIN LATERAL (
        SELECT * FROM gold.fct_stock_movement m
        WHERE m.product_key = k.product_key AND m.location_key = k.location_key
          AND m.movement_date > coalesce(k.snapshot_date, '-infinity') AND m.movement_date < k.after OFFSET 0
    ) m
), placed AS (
    SELECT e.*, row_number() OVER story AS place, count(e.level) OVER story AS levels,
           count(e.unit_cost) OVER story AS costs, max(e.last_sale_date) OVER story AS sold_on
    FROM event e
    WINDOW story AS (PARTITION BY e.stretch ORDER BY e.day, e.occurred_at, e.stock_movement_id COLLATE "C"
                     ROWS UNBOUNDED PRECEDING)
), booked AS (
    SELECT p.*, sum(coalesce(p.level, p.delta)) OVER (PARTITION BY p.stretch, p.levels ORDER BY p.place) AS on_hand,
           first_value(p.unit_cost) OVER same_cost AS cost, first_value(p.currency_code) OVER same_cost AS currency
    FROM placed p
    WINDOW same_cost AS (PARTITION BY p.stretch, p.costs ORDER BY p.place)
), changed AS (
    SELECT b.*, b.on_hand - lag(b.on_hand, 1, 0) OVER (PARTITION BY b.stretch ORDER BY b.place) AS change
    FROM booked b
), closed AS (
    SELECT stretch, product_key, location_key, first, day,
           lead(day, 1, after) OVER (PARTITION BY stretch ORDER BY day) AS next_day,
           (array_agg(on_hand ORDER BY place DESC))[1] AS on_hand,
           {_sum("purchase_receipt")} AS received, {_sum("sale_issue", "-")} AS sold,
           {_sum("customer_return")} AS returned, {_sum("transfer_in")} AS transferred_in,
           {_sum("transfer_out", "-")} AS transferred_out, {_sum("write_off", "-")} AS written_off,
           coalesce(sum(change) FILTER (WHERE movement_type NOT IN (
               'purchase_receipt', 'sale_issue', 'customer_return', 'transfer_in', 'transfer_out', 'write_off')), 0)
               AS adjusted,
           (array_agg(cost ORDER BY place DESC))[1] AS unit_cost,
           (array_agg(currency ORDER BY place DESC))[1] AS currency_code, max(sold_on) AS sold_on
    FROM changed GROUP BY stretch, product_key, location_key, first, after, day
)
SELECT c.product_key, c.location_key, c.day + later AS snapshot_date,
       gold.member_key('sources', source.source_system, source.source_system) AS source_key, c.on_hand,
       CASE WHEN later = 0 THEN c.received ELSE 0 END AS received,
       CASE WHEN later = 0 THEN c.sold ELSE 0 END AS sold,
       CASE WHEN later = 0 THEN c.returned ELSE 0 END AS returned,
       CASE WHEN later = 0 THEN c.transferred_in ELSE 0 END AS transferred_in,
       CASE WHEN later = 0 THEN c.transferred_out ELSE 0 END AS transferred_out,
       CASE WHEN later = 0 THEN c.adjusted ELSE 0 END AS adjusted,
       CASE WHEN later = 0 THEN c.written_off ELSE 0 END AS written_off,
       c.unit_cost, c.currency_code, round(c.on_hand * c.unit_cost, 4) AS stock_value,
       c.day + later - c.sold_on AS days_since_last_sale,
       c.on_hand <= 0 AS is_stock_out, c.on_hand < 0 AS is_negative
FROM closed c
JOIN silver_meta.source source ON source.source_system = %(source)s
CROSS JOIN LATERAL generate_series(
    greatest(c.day, c.first, source.first_partition) - c.day,
    CASE WHEN c.on_hand <> 0 THEN c.next_day - 1 - c.day ELSE 0 END
) AS later
""",  # noqa: S608 constants only
    scope_column="snapshot_date",
    scope_value="split_part(id, '/', 2)::date",
    all_ids=_EVERYTHING,
    consumes=(Consumes("fct_stock_movement", FROM),),
    horizon=f"""
SELECT '{DAY}/' || (least(%(reached)s::date, %(horizon)s::date) + later) AS id
FROM generate_series(0, abs(%(horizon)s::date - %(reached)s::date) - 1) AS later
UNION ALL
SELECT pair.id FROM ({_EVERYTHING}) pair
WHERE %(reached)s::date IS NULL OR %(horizon)s::date IS NULL
""",  # noqa: S608 constants only
    stored=f"""
WITH asked AS MATERIALIZED (
{_ASKED}
)
SELECT i.* FROM (SELECT DISTINCT day FROM asked WHERE kind = '{DAY}') a CROSS JOIN LATERAL (
    SELECT * FROM gold.fct_inventory_daily i
    WHERE i.source_key = {_SOURCE_KEY} AND i.snapshot_date = a.day OFFSET 0
) i
UNION
SELECT i.* FROM (
    SELECT product_key, location_key, min(day) AS day FROM asked WHERE kind = '{FROM}' GROUP BY 1, 2
) a CROSS JOIN LATERAL (
    SELECT * FROM gold.fct_inventory_daily i
    WHERE i.product_key = a.product_key AND i.location_key = a.location_key AND i.snapshot_date >= a.day OFFSET 0
) i
""",  # noqa: S608 constants only
    mentions=f"""
SELECT '{DAY}/' || %(day)s::date AS id
UNION
SELECT '{DAY}/' || m.movement_date FROM gold.fct_stock_movement m
JOIN silver_meta.source source ON source.source_system = %(source)s
WHERE m.source_key = {_SOURCE_KEY} AND m.silver_partition = %(day)s::date
  AND m.movement_date >= source.first_partition
""",  # noqa: S608 constants only
    gold_inputs=("dim_source", "dim_date", "dim_product", "dim_location", "fct_stock_movement"),
    notifies=(
        tells_whole(
            "mart_inventory_health",
            "on_hand",
            "received",
            "sold",
            "returned",
            "transferred_in",
            "stock_value",
            "currency_code",
            "days_since_last_sale",
        ),
    ),
    months=f"""
SELECT month::date
FROM (
    SELECT greatest(source.first_partition, CASE WHEN isfinite(asked.day) THEN asked.day ELSE (
               SELECT min(business_date) FROM silver.stock_movements WHERE source_system = %(source)s) END) AS first,
           CASE WHEN kind = '{DAY}' THEN asked.day ELSE %(horizon)s::date - 1 END AS last
    FROM (SELECT split_part(id, '/', 1) AS kind, min(split_part(id, '/', 2)::date) AS day FROM {{scope}}
          GROUP BY 1, CASE WHEN split_part(id, '/', 1) = '{DAY}' THEN split_part(id, '/', 2) END) asked
    JOIN silver_meta.source source ON source.source_system = %(source)s
) days
CROSS JOIN LATERAL generate_series(date_trunc('month', days.first), days.last, interval '1 month') AS month
WHERE days.last < %(horizon)s::date
GROUP BY 1 ORDER BY 1
""",  # noqa: S608 constants only
    partition_column="snapshot_date",
    day_column="snapshot_date",
    checks=(
        Check("stock_out_is_no_stock", "is_stock_out = (on_hand <= 0)"),
        Check("negative_is_below_zero", "is_negative = (on_hand < 0)"),
        Check("value_with_cost", "(stock_value IS NULL) = (unit_cost IS NULL)"),
        Check("days_not_negative", "days_since_last_sale >= 0"),
        Check("currency_with_cost", "currency_code IS NULL OR unit_cost IS NOT NULL"),
        Check("currency_form", "currency_code ~ '^[A-Z]{3}$'"),
    ),
    indexes=(
        (("location_key", "snapshot_date"), ()),
        (("source_key", "snapshot_date"), ()),
    ),
)
