"""The lines of the sales in scope with their signed amounts, shared by the facts that add them up.

Signs: a return line counts negative in units, gross, discount, tax and cost, whatever sign the source gave it; every
other line counts as it stands.

Order-level discount: what the sale's discount exceeds the discounts on its lines by. It is shared out over the lines by
their gross amount, in units of the currency's smallest coin (finer where the discount itself is finer), with the
largest-remainder method: every line gets its share rounded down, the coins left over go to the lines that lost most by
rounding, ties to the smaller line id. So the lines add up to the discount exactly. It takes the direction of the sale:
negative where the sale is a return on balance. Lines of the other direction and shipping, fee and deposit lines take no
share, unless there is no other line.

Net revenue is without tax, and without what is not revenue: shipping, deposits and the sale of gift cards.
"""

from __future__ import annotations

STATED_DIRECTION = "CASE WHEN s.sale_type = 'return' OR s.total_amount < 0 THEN -1 ELSE 1 END"
"""Direction of a sale `s` whose lines do not tell it: -1 for a return, else 1."""

DOCUMENT_LINES = f"""
line AS (
    SELECT i.source_system, i.sale_id, i.sale_item_id, i.coupon_id, i.line_type, i.discount_amount,
           s.discount_amount AS sale_discount, s.tax_included, {STATED_DIRECTION} AS stated_direction,
           gold.minor_digits(s.currency_code) AS currency_digits,
           i.line_type NOT IN ('shipping', 'fee', 'deposit') AS is_merchandise,
           i.line_type NOT IN ('shipping', 'deposit', 'gift_card') AS bears_revenue,
           i.quantity * CASE WHEN i.line_type = 'return' THEN -1 ELSE 1 END AS quantity,
           CASE WHEN i.line_type = 'return' THEN -abs(i.gross_amount) ELSE i.gross_amount END AS gross_amount,
           i.discount_amount * CASE WHEN i.line_type = 'return' THEN -1 ELSE 1 END AS line_discount,
           CASE WHEN i.line_type = 'return' THEN -abs(i.tax_amount) ELSE i.tax_amount END AS tax_amount,
           CASE WHEN i.unit_cost IS NOT NULL
                THEN round(i.quantity * i.unit_cost, 4) * CASE WHEN i.line_type = 'return' THEN -1 ELSE 1 END
                WHEN i.line_type NOT IN ('sale', 'return', 'unknown') THEN 0 END AS cost_amount
    FROM {{scope}} scope
    JOIN silver.sales s ON s.source_system = %(source)s AND s.sale_id = scope.id AND NOT s.is_deleted AND NOT s.is_test
    JOIN silver.sale_items i ON i.source_system = s.source_system AND i.sale_id = s.sale_id AND NOT i.is_deleted
), document AS (
    SELECT line.*,
           coalesce(nullif(sign(sum(gross_amount) OVER sale), 0), stated_direction) AS direction
    FROM line WINDOW sale AS (PARTITION BY sale_id)
)"""  # noqa: S608 constants only
"""Common table expressions; `document` has one row per line that counts, with the direction of its sale."""

SALE_LINES = (
    DOCUMENT_LINES  # noqa: S608 constants only
    + """, order_level AS (
    SELECT document.*,
           greatest(sale_discount - sum(discount_amount) OVER sale, 0) AS order_discount,
           greatest(currency_digits, min_scale(sale_discount - sum(discount_amount) OVER sale)) AS digits
    FROM document WINDOW sale AS (PARTITION BY sale_id)
), weighed AS (
    SELECT order_level.*, trunc(order_discount * 10::numeric ^ digits) AS coins,
           CASE WHEN is_merchandise
                THEN greatest(trunc(gross_amount * direction * 10000), 0) ELSE 0 END AS weight
    FROM order_level
), balanced AS (
    SELECT weighed.*,
           CASE WHEN sum(weight) OVER sale = 0 THEN 1 ELSE weight END AS share,
           CASE WHEN sum(weight) OVER sale = 0 THEN count(*) OVER sale ELSE sum(weight) OVER sale END AS shares
    FROM weighed WINDOW sale AS (PARTITION BY sale_id)
), rounded_down AS (
    SELECT balanced.*, div(coins * share, shares) AS whole_coins, mod(coins * share, shares) AS lost FROM balanced
), shared_out AS (
    SELECT rounded_down.*,
           direction * (whole_coins + CASE WHEN
               row_number() OVER (PARTITION BY sale_id ORDER BY lost DESC, sale_item_id COLLATE "C")
               <= coins - sum(whole_coins) OVER (PARTITION BY sale_id) THEN 1 ELSE 0 END)
           / 10::numeric ^ digits AS allocated_discount
    FROM rounded_down
), sale_line AS (
    SELECT shared_out.*,
           CASE WHEN bears_revenue THEN
               gross_amount - line_discount - allocated_discount - CASE WHEN tax_included THEN tax_amount ELSE 0 END
           ELSE 0 END AS net_revenue
    FROM shared_out
)
"""
)
"""Common table expressions; the last one, `sale_line`, has one row per line that counts with its share and revenue."""
