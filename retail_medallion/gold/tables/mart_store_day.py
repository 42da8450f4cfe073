"""What a place sold in a day, per channel and currency."""

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
from retail_medallion.gold.tables.pending_dates import all_dates, mentioned_dates

HOURS = 24

TABLE = GoldTable(
    name="mart_store_day",
    kind="mart",
    grain="one trading day x selling location x channel x currency of one source; revenue documents only",
    question="Which stores lag behind their own average basket of the four weeks before?",
    example="""
SELECT l.location_name, m.sale_date, m.currency_code, m.average_basket,
       round(avg(m.average_basket) OVER before, 4) AS average_before
FROM gold.mart_store_day m JOIN gold.dim_location l USING (location_key)
WHERE m.channel = 'store'
WINDOW before AS (PARTITION BY m.location_key, m.currency_code ORDER BY m.sale_date
                  RANGE BETWEEN '28 days' PRECEDING AND '1 day' PRECEDING)
ORDER BY l.location_name, m.sale_date
""",
    columns=(
        *provenance_columns(),
        Column("sale_date", "date", "local trading day", references="dim_date"),
        Column("location_key", "uuid", "selling location", references="dim_location"),
        Column("channel", "text", "where it was sold"),
        Column("currency_code", "text", "currency of all amounts; amounts of two currencies are never added"),
        Column("sale_count", "integer", "purchases: documents of type sale or exchange"),
        Column("return_count", "integer", "documents of type return"),
        Column("identified_sales", "integer", "purchases whose buyer is known"),
        Column("identified_customers", "integer", "different buyers of those; do not add up over days or places"),
        Column("units", ADDED_QUANTITY, "units of all documents, returned units deducted"),
        Column("gross_amount", ADDED_MONEY, "before discount, as the documents state it"),
        Column("discount_amount", ADDED_MONEY, "all discounts, those of returns deducted"),
        Column("net_revenue", ADDED_MONEY, "net revenue of all documents, returns deducted"),
        Column("purchase_units", ADDED_QUANTITY, "units of the purchases alone"),
        Column("purchase_revenue", ADDED_MONEY, "net revenue of the purchases alone"),
        Column("average_basket", ADDED_MONEY, "purchase revenue per purchase; empty without one", nullable=True),
        Column("units_per_sale", ADDED_QUANTITY, "purchase units per purchase; empty without one", nullable=True),
        # Where returns balance what was sold, a share can be any number.
        Column(
            "discount_share", "numeric(38,6)", "discount as a fraction of gross; empty where gross is 0", nullable=True
        ),
        Column("sales_by_hour", "integer[]", "purchases per local hour: 24 numbers, the first from midnight to one"),
    ),
    primary_key=("source_key", "sale_date", "location_key", "channel", "currency_code"),
    select="""
SELECT s.source_key, s.sale_date, s.location_key, s.channel, s.currency_code,
       count(*) FILTER (WHERE s.is_purchase) AS sale_count,
       count(*) FILTER (WHERE s.sale_type = 'return') AS return_count,
       count(*) FILTER (WHERE s.is_purchase AND s.is_identified) AS identified_sales,
       count(DISTINCT s.customer_key) FILTER (WHERE s.is_purchase AND s.is_identified) AS identified_customers,
       sum(s.units) AS units, sum(s.gross_amount) AS gross_amount, sum(s.discount_amount) AS discount_amount,
       sum(s.net_revenue) AS net_revenue,
       coalesce(sum(s.units) FILTER (WHERE s.is_purchase), 0) AS purchase_units,
       coalesce(sum(s.net_revenue) FILTER (WHERE s.is_purchase), 0) AS purchase_revenue,
       round(sum(s.net_revenue) FILTER (WHERE s.is_purchase) / count(*) FILTER (WHERE s.is_purchase), 4)
           AS average_basket,
       round(sum(s.units) FILTER (WHERE s.is_purchase) / count(*) FILTER (WHERE s.is_purchase), 3) AS units_per_sale,
       round(sum(s.discount_amount) / nullif(sum(s.gross_amount), 0), 6) AS discount_share,
       ARRAY["""  # noqa: S608 constants only
    + ", ".join(f"count(*) FILTER (WHERE s.is_purchase AND s.sale_hour = {hour})" for hour in range(HOURS))
    + """] AS sales_by_hour
FROM (
    SELECT f.*, f.sale_type IN ('sale', 'exchange') AS is_purchase,
           f.customer_key <> '00000000-0000-0000-0000-000000000000' AS is_identified
    FROM {scope} scope
    JOIN gold.fct_sale f
      ON f.source_key = gold.member_key('sources', %(source)s, %(source)s) AND f.sale_date = scope.id::date
    WHERE f.is_revenue
) s
GROUP BY s.source_key, s.sale_date, s.location_key, s.channel, s.currency_code
""",
    scope_column="sale_date",
    scope_value="id::date",
    all_ids=all_dates("fct_sale", "sale_date"),
    consumes=(Consumes("fct_sale", "sale_date"),),
    mentions=mentioned_dates("fct_sale", "sale_date"),
    gold_inputs=("fct_sale",),
    day_column="sale_date",
    checks=(
        Check("counts_not_negative", "sale_count >= 0 AND return_count >= 0 AND identified_customers >= 0"),
        Check("identified_among_sales", "identified_customers <= identified_sales AND identified_sales <= sale_count"),
        Check("averages_with_sales", "(average_basket IS NULL) = (sale_count = 0)"),
        Check("hour_of_every_sale", f"cardinality(sales_by_hour) = {HOURS}"),
    ),
    indexes=(
        (("location_key", "sale_date"), ()),
        (("sale_date",), ()),
    ),
)
