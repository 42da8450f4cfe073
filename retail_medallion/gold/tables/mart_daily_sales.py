"""Sales per day, place, product, channel and currency."""

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

TABLE = GoldTable(
    name="mart_daily_sales",
    kind="mart",
    grain="one trading day x location x product x channel x currency of one source; revenue lines only",
    question="How do this week's sales compare with last week's?",
    example="""
SELECT d.week_start, m.currency_code, sum(m.units) AS units, sum(m.returned_units) AS returned_units,
       sum(m.net_revenue) AS net_revenue
FROM gold.mart_daily_sales m JOIN gold.dim_date d ON d.date_key = m.sale_date
GROUP BY 1, 2 ORDER BY 1, 2
""",
    columns=(
        *provenance_columns(),
        Column("sale_date", "date", "local trading day", references="dim_date"),
        Column(
            "location_key", "uuid", "where the goods came from, else the selling location", references="dim_location"
        ),
        Column("product_key", "uuid", "sold unit", references="dim_product"),
        Column("channel", "text", "where it was sold"),
        Column("currency_code", "text", "currency of all amounts; amounts of two currencies are never added"),
        Column("line_count", "integer", "number of lines"),
        Column("units", ADDED_QUANTITY, "units sold, returns not deducted; no shipping, fee or deposit lines"),
        Column(
            "returned_units", ADDED_QUANTITY, "units returned: on return lines, or counted on the line that was sold"
        ),
        Column("gross_amount", ADDED_MONEY, "before discount, returns deducted"),
        Column("discount_amount", ADDED_MONEY, "line discounts and shares of order-level discounts, returns deducted"),
        Column("net_revenue", ADDED_MONEY, "without tax, shipping, deposits and gift cards, returns deducted"),
        Column("tax_amount", ADDED_MONEY, "tax, returns deducted"),
        Column("cost_amount", ADDED_MONEY, "cost of the lines whose cost is known"),
        Column("margin_amount", ADDED_MONEY, "net revenue less cost of the lines whose cost is known"),
        Column("lines_without_cost", "integer", "lines left out of cost and margin"),
    ),
    primary_key=("source_key", "sale_date", "location_key", "product_key", "channel", "currency_code"),
    select="""
SELECT i.source_key, i.sale_date, i.location_key, i.product_key, s.channel, i.currency_code,
       count(*) AS line_count,
       coalesce(sum(i.quantity) FILTER (
           WHERE i.line_type NOT IN ('return', 'shipping', 'fee', 'deposit')), 0) AS units,
       coalesce(sum(CASE WHEN i.line_type = 'return' THEN -i.quantity ELSE i.returned_quantity END) FILTER (
           WHERE i.line_type NOT IN ('shipping', 'fee', 'deposit')), 0) AS returned_units,
       sum(i.gross_amount) AS gross_amount, sum(i.line_discount + i.allocated_discount) AS discount_amount,
       sum(i.net_revenue) AS net_revenue, sum(i.tax_amount) AS tax_amount,
       coalesce(sum(i.cost_amount), 0) AS cost_amount, coalesce(sum(i.margin_amount), 0) AS margin_amount,
       count(*) FILTER (WHERE i.cost_amount IS NULL) AS lines_without_cost
FROM {scope} scope
JOIN gold.fct_sale_item i
  ON i.source_key = gold.member_key('sources', %(source)s, %(source)s) AND i.sale_date = scope.id::date
JOIN gold.fct_sale s ON s.sale_key = i.sale_key
WHERE i.is_revenue
GROUP BY i.source_key, i.sale_date, i.location_key, i.product_key, s.channel, i.currency_code
""",
    scope_column="sale_date",
    scope_value="id::date",
    all_ids=all_dates("fct_sale_item", "sale_date"),
    consumes=(Consumes("fct_sale_item", "sale_date"), Consumes("fct_sale", "sale_date")),
    mentions=mentioned_dates("fct_sale_item", "sale_date"),
    gold_inputs=("fct_sale", "fct_sale_item"),
    day_column="sale_date",
    checks=(
        Check("line_count_positive", "line_count > 0"),
        Check("units_not_negative", "units >= 0"),
    ),
    indexes=(
        (("product_key", "sale_date"), ()),
        (("location_key", "sale_date"), ()),
    ),
)
