"""How the stock of the last weeks sells, how long it lasts and how old it is."""

from __future__ import annotations

from retail_medallion.gold.definition import (
    ADDED_MONEY,
    ADDED_QUANTITY,
    Check,
    Column,
    GoldTable,
    provenance_columns,
)
from retail_medallion.gold.tables.whole import whole

WEEKS = 26
"""Weeks the mart goes back, the one of the last closed day among them."""

SELLING_DAYS = 28
"""Days whose sales say how long the stock lasts."""

AGED_DAYS = 90
"""Days without a sale after which stock is aged."""

TABLE = GoldTable(
    name="mart_inventory_health",
    kind="mart",
    grain="one week from Monday on x product x location of one source with stock or movements in the week, for the"
    f" {WEEKS} weeks up to the last closed day",
    question="Which products that sell well run out, and where does money lie in stock nobody buys?",
    example="""
SELECT p.product_name, l.location_name, m.abc_class, m.stock_out_days, m.cover_days, m.sell_through, m.is_aged,
       m.currency_code, m.stock_value
FROM gold.mart_inventory_health m
JOIN gold.dim_product p USING (product_key) JOIN gold.dim_location l USING (location_key)
WHERE m.week_start = (SELECT max(week_start) FROM gold.mart_inventory_health)
ORDER BY m.abc_class, m.stock_out_days DESC, m.cover_days LIMIT 50
""",
    columns=(
        *provenance_columns(),
        Column("week_start", "date", "Monday of the week", references="dim_date"),
        Column("product_key", "uuid", "product", references="dim_product"),
        Column("location_key", "uuid", "where it lies", references="dim_location"),
        Column("opening_quantity", ADDED_QUANTITY, "units on hand at the end of the day before the week"),
        Column("received_quantity", ADDED_QUANTITY, "units received, brought back and transferred in during the week"),
        Column("sold_quantity", ADDED_QUANTITY, "units issued for sales during the week"),
        Column(
            "closing_quantity",
            ADDED_QUANTITY,
            "units on hand at the end of the week's last closed day, which the columns from stock_value on are about",
        ),
        Column(
            "sell_through",
            "numeric(38,6)",
            "sold as a fraction of opening and received; empty where these are not positive",
            nullable=True,
        ),
        Column(
            "cover_days",
            "numeric(38,1)",
            f"days the closing units last at the pace of the {SELLING_DAYS} days up to then; empty where none were"
            " sold",
            nullable=True,
        ),
        Column(
            "stock_out_days",
            "integer",
            "closed days of the week, since the source's first day, with nothing on hand or less",
        ),
        Column("stock_value", ADDED_MONEY, "closing units at their last known cost; empty without one", nullable=True),
        Column("currency_code", "text", "currency of that cost", nullable=True),
        Column("is_aged", "boolean", f"there is stock, and its last sale is more than {AGED_DAYS} days ago"),
        Column(
            "abc_class",
            "text",
            "by the product's units sold in all weeks of the mart, most first: A while the products before it make up"
            " less than 0.8 of all units, B less than 0.95, else C; C where none were sold",
        ),
    ),
    primary_key=("source_key", "week_start", "product_key", "location_key"),
    select=f"""
WITH week AS (
    SELECT d.week_start, greatest(d.week_start, source.first_partition) AS first_day,
           least(d.week_start + 6, %(horizon)s::date - 1) AS last_day
    FROM gold.dim_date d
    JOIN silver_meta.source source ON source.source_system = %(source)s
    WHERE d.date_key = d.week_start
      AND d.date_key < %(horizon)s::date AND d.date_key >= %(horizon)s::date - {WEEKS} * 7
), week_day AS (
    -- From the first day whose sales count for the cover, which is before the week, to the last closed day.
    SELECT w.week_start, w.last_day, w.last_day - w.first_day + 1 AS closed_days, d.date_key AS day
    FROM week w
    JOIN gold.dim_date d ON d.date_key > w.last_day - {SELLING_DAYS} AND d.date_key <= w.last_day
), pair_week AS (
    SELECT i.source_key, w.week_start, i.product_key, i.location_key,
           coalesce(max(i.on_hand) FILTER (WHERE w.day = w.week_start - 1), 0) AS opening_quantity,
           coalesce(sum(i.received + i.returned + i.transferred_in) FILTER (WHERE w.day >= w.week_start), 0)
               AS received_quantity,
           coalesce(sum(i.sold) FILTER (WHERE w.day >= w.week_start), 0) AS sold_quantity,
           coalesce(max(i.on_hand) FILTER (WHERE w.day = w.last_day), 0) AS closing_quantity,
           sum(i.sold) AS sold_lately,
           -- Where the first day was set later, stored days from before it may still be there.
           greatest(min(w.closed_days) - count(i.on_hand) FILTER (WHERE w.day >= w.week_start AND i.on_hand > 0), 0)
               AS stock_out_days,
           max(i.stock_value) FILTER (WHERE w.day = w.last_day) AS stock_value,
           max(i.currency_code) FILTER (WHERE w.day = w.last_day) AS currency_code,
           max(i.days_since_last_sale) FILTER (WHERE w.day = w.last_day) AS days_since_last_sale
    FROM gold.fct_inventory_daily i
    JOIN week_day w ON w.day = i.snapshot_date
    WHERE i.source_key = gold.member_key('sources', %(source)s, %(source)s)
      AND i.snapshot_date < %(horizon)s::date
      AND i.snapshot_date >= %(horizon)s::date - {WEEKS} * 7 - {SELLING_DAYS}
    GROUP BY i.source_key, w.week_start, i.product_key, i.location_key
    HAVING bool_or(w.day >= w.week_start)
), product AS (
    SELECT p.product_key, sum(p.sold_quantity) AS units
    FROM pair_week p
    GROUP BY p.product_key
), ranked AS (
    SELECT p.product_key, p.units, sum(p.units) OVER () AS all_units,
           sum(p.units) OVER (ORDER BY p.units DESC, p.product_key ROWS UNBOUNDED PRECEDING) - p.units AS units_before
    FROM product p
), classed AS (
    SELECT r.product_key,
           CASE WHEN r.units <= 0 THEN 'C'
                WHEN r.units_before < 0.8 * r.all_units THEN 'A'
                WHEN r.units_before < 0.95 * r.all_units THEN 'B'
                ELSE 'C' END AS abc_class
    FROM ranked r
)
SELECT p.source_key, p.week_start, p.product_key, p.location_key, p.opening_quantity, p.received_quantity,
       p.sold_quantity, p.closing_quantity,
       CASE WHEN p.opening_quantity + p.received_quantity > 0
            THEN round(p.sold_quantity / (p.opening_quantity + p.received_quantity), 6) END AS sell_through,
       CASE WHEN p.sold_lately > 0
            THEN round(p.closing_quantity * {SELLING_DAYS} / p.sold_lately, 1) END AS cover_days,
       p.stock_out_days, p.stock_value, p.currency_code,
       coalesce(p.closing_quantity > 0 AND p.days_since_last_sale > {AGED_DAYS}, false) AS is_aged, c.abc_class
FROM pair_week p
JOIN classed c ON c.product_key = p.product_key
""",  # noqa: S608 constants only
    **whole("fct_inventory_daily"),
    checks=(
        Check("week_begins_on_monday", "extract(isodow FROM week_start) = 1"),
        Check("days_of_a_week", "stock_out_days BETWEEN 0 AND 7"),
        Check("class_is_known", "abc_class IN ('A', 'B', 'C')"),
        Check("aged_is_in_stock", "NOT is_aged OR closing_quantity > 0"),
    ),
    indexes=(
        (("product_key", "week_start"), ()),
        (("location_key", "week_start"), ()),
    ),
)
