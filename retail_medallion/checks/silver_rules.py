"""The reconciliations of current Silver: one declaration each.

A sum of n lines may differ from its header by n + 1 of the currency's smallest coins: each line was rounded, and so was
the header. Test sales are left out everywhere.
"""

from __future__ import annotations

from retail_medallion.checks.rules import Rule

STOCK_TOLERANCE_PERCENT = 5
"""By how much of the units sold on a day at a location the units issued may differ."""

# What of a finding is named the same in every rule.
_OF_SALE = """
SELECT f.id, s.business_date AS day, s.currency_code, f.expected, f.actual, {what} AS what
FROM {{found}} f JOIN {{sales}} s ON s.sale_id = f.id
"""

HEADER = Rule(
    id="R1",
    name="r1_headers_add_up",
    title="Subtotal, discount, shipping, other and tax of a sale add up to its total.",
    entity="sales",
    # Lines are counted only where more than one coin is missing: hardly any sale.
    offenders="""
        SELECT h.sale_id AS id, h.business_date AS day, h.currency_code, h.expected, h.total_amount AS actual,
               'the parts of the header do not add up to the total' AS what
        FROM (SELECT s.*, silver_meta.minor_unit(s.currency_code) AS coin,
                     s.subtotal_amount + s.shipping_amount + s.other_amount
                     - CASE WHEN s.total_amount < 0 THEN -s.discount_amount ELSE s.discount_amount END
                     + CASE WHEN s.tax_included THEN 0 ELSE s.tax_amount END AS expected
              FROM {sales} s WHERE NOT s.is_test AND s.subtotal_amount IS NOT NULL) h
        WHERE abs(h.expected - h.total_amount) > h.coin
          AND abs(h.expected - h.total_amount) > h.coin * (
              1 + (SELECT count(*) FROM {sale_items} i WHERE i.sale_id = h.sale_id))""",
    totals="""
        SELECT business_date AS day, currency_code, count(*) AS compared, sum(total_amount) AS expected
        FROM {sales} s WHERE NOT is_test AND subtotal_amount IS NOT NULL GROUP BY 1, 2""",
)

LINES = Rule(
    id="R2",
    name="r2_lines_add_up",
    title="The lines of a sale add up to its subtotal, and their discounts do not exceed its discount.",
    entity="sales",
    findings=("sales.items_do_not_add_up", "sales.line_discounts_exceed_discount"),
    offenders=_OF_SALE.format(
        what="CASE f.rule WHEN 'sales.items_do_not_add_up' THEN 'the lines do not add up to the subtotal'"
        " ELSE 'the discounts of the lines exceed the discount' END"
    ),
    totals="""
        SELECT business_date AS day, currency_code, count(*) AS compared, sum(subtotal_amount) AS expected
        FROM {sales} s WHERE NOT is_test AND subtotal_amount IS NOT NULL
         AND EXISTS (SELECT FROM {sale_items} i WHERE i.sale_id = s.sale_id) GROUP BY 1, 2""",
)

PAYMENTS = Rule(
    id="R3",
    name="r3_payments_cover_sales",
    title="What was paid and captured for a completed sale, less what was paid back, is its total.",
    entity="transactions",
    findings=("sales.paid_differs",),
    offenders=_OF_SALE.format(what="CASE WHEN f.delta < 0 THEN 'paid too little' ELSE 'paid too much' END"),
    totals="""
        SELECT business_date AS day, currency_code, count(*) AS compared, sum(total_amount) AS expected
        FROM {sales} s WHERE NOT is_test AND status = 'completed'
         AND NOT EXISTS (SELECT FROM {transactions} t WHERE t.sale_id = s.sale_id AND t.status = 'succeeded'
                         AND t.currency_code <> s.currency_code) GROUP BY 1, 2""",
)

# Goods leave on another day and from another place than they were sold: an issue counts where its sale does.
_STOCK_GROUPS = """
    SELECT coalesce(s.business_date, o.business_date) AS day, coalesce(s.location_id, o.location_id) AS location_id,
           coalesce(s.units, 0) AS sold, coalesce(o.units, 0) AS issued
    FROM (SELECT s.business_date, s.location_id, sum(i.quantity) AS units
          FROM {sales} s JOIN {sale_items} i ON i.sale_id = s.sale_id AND i.line_type = 'sale'
          WHERE NOT s.is_test AND s.status IN ('completed', 'partially_returned', 'returned')
            AND i.product_id IN (SELECT m.product_id FROM {stock_movements} m)
            AND s.location_id IN (SELECT b.location_id FROM {sales} b JOIN {stock_movements} m
                                  ON m.sale_id = b.sale_id AND m.movement_type = 'sale_issue')
          GROUP BY 1, 2) s
    FULL JOIN (
          SELECT s.business_date, s.location_id, -sum(m.quantity) AS units
          FROM {sales} s JOIN {stock_movements} m ON m.sale_id = s.sale_id AND m.movement_type = 'sale_issue'
          WHERE NOT s.is_test AND s.status IN ('completed', 'partially_returned', 'returned')
            AND s.location_id IS NOT NULL GROUP BY 1, 2) o
      ON o.business_date = s.business_date AND o.location_id = s.location_id"""

BOOKS = Rule(
    id="R4",
    name="r4_stock_not_below_zero",
    title="The books of a product at a location never have less than nothing on hand at the end of a day.",
    entity="stock_movements",
    findings=("stock_movements.stock_below_zero",),
    offenders="""
        SELECT f.id, m.business_date AS day, NULL AS currency_code, f.expected, f.actual,
               'product ' || m.product_id || ' at location ' || m.location_id || ', for the first time' AS what
        FROM {found} f JOIN {stock_movements} m ON m.stock_movement_id = f.id""",
    totals="""
        SELECT business_date AS day, NULL AS currency_code, count(*) AS compared, NULL AS expected
        FROM {stock_movements} m GROUP BY 1""",
)

ISSUES = Rule(
    id="R4",
    name="r4_issued_as_sold",
    title="The units issued from stock for the sales of a day at a location are the units sold,"
    f" within {STOCK_TOLERANCE_PERCENT} percent.",
    entity="stock_movements",
    offenders=f"""
        SELECT location_id || ' on ' || day AS id, day, NULL AS currency_code, sold AS expected, issued AS actual,
               'units issued for the sales of this day and location' AS what
        FROM ({_STOCK_GROUPS}) g WHERE abs(issued - sold) * 100 > {STOCK_TOLERANCE_PERCENT} * sold""",  # noqa: S608 constants only
    totals=f"""
        SELECT day, NULL AS currency_code, count(*) AS compared, sum(sold) AS expected
        FROM ({_STOCK_GROUPS}) g GROUP BY 1""",  # noqa: S608 constants only
)

POINTS = Rule(
    id="R5",
    name="r5_points_balance",
    title="The balance of points the source states is the sum of the movements of the account.",
    entity="loyalty_transactions",
    findings=("loyalty_transactions.balance_differs",),
    offenders="""
        SELECT f.id, m.business_date AS day, NULL AS currency_code, f.expected, f.actual,
               'first movement after which the balance differs' AS what
        FROM {found} f JOIN {loyalty_transactions} m ON m.loyalty_transaction_id = f.id""",
    totals="""
        SELECT business_date AS day, NULL AS currency_code, count(*) AS compared, sum(balance_after) AS expected
        FROM {loyalty_transactions} m WHERE balance_after IS NOT NULL GROUP BY 1""",
)

COUPONS = Rule(
    id="R6",
    name="r6_coupons_within_limits",
    title="No coupon was redeemed more often than it may be, in all or by one customer.",
    entity="coupons",
    findings=("coupons.redeemed_above_limit", "coupons.redeemed_above_limit_of_customer"),
    needs=("sales", "sale_items"),
    offenders="""
        SELECT f.id, f.as_of_partition AS day, NULL AS currency_code, f.expected, f.actual,
               CASE f.rule WHEN 'coupons.redeemed_above_limit' THEN 'redemptions in all'
               ELSE 'redemptions by one customer' END AS what
        FROM {found} f""",
    # A coupon has no day of its own: the partition that settled its state stands for it.
    totals="""
        SELECT effective_partition AS day, NULL AS currency_code, count(*) AS compared, sum(usage_limit) AS expected
        FROM {coupons} c WHERE coalesce(usage_limit, usage_limit_per_customer) IS NOT NULL GROUP BY 1""",
)

RETURNS = Rule(
    id="R7",
    name="r7_returned_not_above_sold",
    title="No more units of a line came back than were sold, by its counter or by the lines that return it.",
    entity="sale_items",
    findings=("sale_items.returned_above_sold",),
    offenders="""
        SELECT i.sale_item_id AS id, s.business_date AS day, NULL AS currency_code, i.quantity AS expected,
               greatest(i.returned_quantity, f.actual::numeric) AS actual,
               CASE WHEN f.id IS NULL THEN 'counter of the line' ELSE 'lines that return it' END AS what
        FROM {sale_items} i JOIN {sales} s ON s.sale_id = i.sale_id AND NOT s.is_test
        LEFT JOIN {found} f ON f.id = i.sale_item_id
        WHERE f.id IS NOT NULL OR i.returned_quantity > i.quantity""",
    totals="""
        SELECT s.business_date AS day, NULL AS currency_code, count(*) AS compared, sum(i.quantity) AS expected
        FROM {sale_items} i JOIN {sales} s ON s.sale_id = i.sale_id AND NOT s.is_test
        WHERE i.line_type <> 'return' GROUP BY 1""",
)

RULES: tuple[Rule, ...] = (HEADER, LINES, PAYMENTS, BOOKS, ISSUES, POINTS, COUPONS, RETURNS)
"""All of them, in the order of their numbers."""
