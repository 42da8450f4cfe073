"""What Oscar's own tables say, in SQL that knows nothing of the mapping.

Canonical columns, and a query that gives the key and these columns. Where Oscar keeps a thing twice, the query takes it
from the other place than the mapping does: discounts from the rows that explain them, coupons from the applications of
vouchers, what was paid from the single payments.
"""

from __future__ import annotations

EXPECTED = {
    "product_categories": (
        "parent_category_id, category_name, source_path, is_active",
        """SELECT c.id, (SELECT p.id::text FROM catalogue_category p WHERE c.path LIKE p.path || '____'), c.name,
                  c.path, c.is_public AND c.ancestors_are_public
           FROM catalogue_category c""",
    ),
    "products": (
        """product_name, variant_name, parent_product_id, sku, supplier_id, list_price, currency_code, category_id,
        extra_category_ids, is_active, source_updated_at, extras""",
        """WITH stocked AS (SELECT product_id, min(id) AS id FROM partner_stockrecord GROUP BY 1),
                placed AS (SELECT product_id, min(id) AS id FROM catalogue_productcategory GROUP BY 1)
           SELECT p.id, CASE p.structure WHEN 'child' THEN f.title ELSE p.title END,
                  (SELECT o.option FROM catalogue_productattributevalue v
                   JOIN catalogue_attributeoption o ON o.id = v.value_option_id WHERE v.product_id = p.id),
                  p.parent_id::text, upper(s.partner_sku), s.partner_id::text, s.price, s.price_currency,
                  k.category_id::text,
                  (SELECT array_agg(x.category_id::text ORDER BY x.category_id::text) FROM catalogue_productcategory x
                   WHERE x.product_id = k.product_id AND x.id <> k.id),
                  p.is_public, p.date_updated,
                  jsonb_build_object('num_in_stock', s.num_in_stock, 'num_allocated', s.num_allocated)
           FROM catalogue_product p
           LEFT JOIN catalogue_product f ON f.id = p.parent_id
           LEFT JOIN (SELECT r.* FROM partner_stockrecord r JOIN stocked USING (product_id, id)) s
             ON s.product_id = p.id
           LEFT JOIN (SELECT c.* FROM catalogue_productcategory c JOIN placed USING (product_id, id)) k
             ON k.product_id = CASE p.structure WHEN 'child' THEN f.id ELSE p.id END
           WHERE p.structure IN ('standalone', 'child')""",
    ),
    "suppliers": ("supplier_name", "SELECT id, name FROM partner_partner"),
    "inventory_locations": ("location_name, location_type", "SELECT id, name, 'warehouse' FROM partner_partner"),
    "customers": (
        "email, full_name, city, phone, is_guest, is_active",
        """SELECT u.id::text, lower(u.email),
                  nullif(concat_ws(' ', nullif(u.first_name, ''), nullif(u.last_name, '')), ''),
                  nullif(a.line4, ''), nullif(a.phone_number, ''), false, u.is_active
           FROM auth_user u LEFT JOIN address_useraddress a ON a.user_id = u.id
           WHERE u.is_staff IS FALSE OR u.id IN (SELECT user_id FROM order_order)
           UNION ALL
           SELECT 'guest:' || g.id, lower(o.guest_email), a.first_name || ' ' || a.last_name, a.line4,
                  nullif(a.phone_number, ''), true, true
           FROM (SELECT min(id) AS id FROM order_order WHERE guest_email > '' GROUP BY lower(guest_email)) g
           JOIN order_order o ON o.id = g.id JOIN order_shippingaddress a ON a.id = o.shipping_address_id""",
    ),
    "payment_methods": (
        "method_name, method_type",
        """SELECT id, name, CASE name WHEN 'Visa' THEN 'credit_card' WHEN 'PayPal' THEN 'wallet' WHEN 'Gift card'
                  THEN 'gift_card' END FROM payment_sourcetype""",
    ),
    "coupons": (
        "coupon_code, discount_type, discount_value, usage_limit_per_customer, usage_count, status, starts_at, ends_at",
        """SELECT id, code, CASE code WHEN 'SAVE10' THEN 'percentage' WHEN 'ONCE5' THEN 'fixed_amount' END,
                  CASE code WHEN 'SAVE10' THEN 10.0 WHEN 'ONCE5' THEN 5.0 END, CASE code WHEN 'ONCE5' THEN 1 END,
                  (SELECT count(*) FROM voucher_voucherapplication a WHERE a.voucher_id = v.id), 'active',
                  start_datetime, end_datetime
           FROM voucher_voucher v""",
    ),
    "sales": (
        "sale_number, status, payment_status, customer_id, sold_at, completed_at, cancelled_at, coupon_ids, cart_id",
        """WITH paid AS (
             SELECT s.order_id, sum(t.amount) FILTER (WHERE t.txn_type = 'Authorise') AS authorised,
                    sum(t.amount) FILTER (WHERE t.txn_type = 'Debit') AS debited,
                    sum(t.amount) FILTER (WHERE t.txn_type = 'Refund') AS refunded
             FROM payment_source s JOIN payment_transaction t ON t.source_id = s.id GROUP BY 1)
           SELECT o.id, o.number,
                  CASE o.status WHEN 'Pending' THEN 'pending' WHEN 'Being processed' THEN 'confirmed'
                    WHEN 'Complete' THEN 'completed' WHEN 'Cancelled' THEN 'cancelled' END,
                  CASE WHEN p.refunded IS NOT NULL THEN 'partially_refunded'
                    WHEN p.debited = o.total_incl_tax THEN 'paid' WHEN p.authorised > 0 THEN 'authorised' END,
                  coalesce(o.user_id::text, 'guest:' || (SELECT min(x.id) FROM order_order x
                    WHERE lower(x.guest_email) = lower(o.guest_email) AND x.guest_email > '')),
                  o.date_placed,
                  (SELECT date_created FROM order_orderstatuschange c
                   WHERE c.order_id = o.id AND c.new_status = 'Complete'),
                  (SELECT date_created FROM order_orderstatuschange c
                   WHERE c.order_id = o.id AND c.new_status = 'Cancelled'),
                  (SELECT array_agg(a.voucher_id::text ORDER BY a.voucher_id::text) FROM voucher_voucherapplication a
                   WHERE a.order_id = o.id),
                  o.basket_id::text
           FROM order_order o LEFT JOIN paid p ON p.order_id = o.id""",
    ),
    "sale_items": (
        "sale_id, product_id, sku, product_name, quantity, returned_quantity, coupon_id, location_id, line_type",
        """SELECT l.id, l.order_id::text, l.product_id::text, upper(l.partner_sku), l.title, l.quantity::numeric,
                  coalesce((SELECT sum(q.quantity) FROM order_shippingeventquantity q
                            JOIN order_shippingevent e ON e.id = q.event_id AND e.event_type_id = 3
                            WHERE q.line_id = l.id), 0)::numeric,
                  (SELECT max(d.voucher_id)::text FROM order_orderdiscount d JOIN order_orderlinediscount x
                   ON x.order_discount_id = d.id WHERE x.line_id = l.id), l.partner_id::text, 'sale'
           FROM order_line l""",
    ),
    "transactions": (
        "sale_id, transaction_type, status, payment_method_id, customer_id, occurred_at, parent_transaction_id",
        """SELECT t.id, s.order_id::text, CASE t.txn_type WHEN 'Authorise' THEN 'authorisation'
                  WHEN 'Debit' THEN 'capture' WHEN 'Refund' THEN 'refund' END, 'succeeded', s.source_type_id::text,
                  coalesce(o.user_id::text, 'guest:' || (SELECT min(x.id) FROM order_order x
                    WHERE lower(x.guest_email) = lower(o.guest_email))),
                  t.date_created,
                  (SELECT max(x.id)::text FROM payment_transaction x WHERE x.source_id = t.source_id
                    AND (t.txn_type, x.txn_type) IN (('Debit', 'Authorise'), ('Refund', 'Debit')))
           FROM payment_transaction t JOIN payment_source s ON s.id = t.source_id
           JOIN order_order o ON o.id = s.order_id""",
    ),
    "stock_movements": (
        "product_id, location_id, movement_type, quantity, occurred_at, sale_id",
        """SELECT q.id, l.product_id::text, r.partner_id::text,
                  CASE e.event_type_id WHEN 1 THEN 'sale_issue' WHEN 3 THEN 'customer_return' END,
                  CASE e.event_type_id WHEN 1 THEN -q.quantity WHEN 3 THEN q.quantity END::numeric,
                  e.date_created, e.order_id::text
           FROM order_shippingeventquantity q JOIN order_shippingevent e ON e.id = q.event_id
           JOIN order_line l ON l.id = q.line_id JOIN partner_stockrecord r ON r.id = l.stockrecord_id""",
    ),
    "shopping_carts": (
        "customer_id, status, sale_id, subtotal_amount, coupon_ids, created_at, converted_at, last_activity_at",
        """SELECT b.id, b.owner_id::text, CASE b.status WHEN 'Submitted' THEN 'converted' ELSE 'active' END,
                  (SELECT o.id::text FROM order_order o WHERE o.basket_id = b.id),
                  (SELECT sum(l.quantity * l.price_incl_tax) FROM basket_line l WHERE l.basket_id = b.id),
                  (SELECT array_agg(v.voucher_id::text ORDER BY v.voucher_id::text) FROM basket_basket_vouchers v
                   WHERE v.basket_id = b.id),
                  b.date_created, b.date_submitted,
                  greatest(b.date_created, b.date_submitted, (SELECT max(l.date_updated) FROM basket_line l
                    WHERE l.basket_id = b.id))
           FROM basket_basket b""",
    ),
    "cart_items": (
        "cart_id, product_id, sku, quantity, added_at, is_saved_for_later",
        """SELECT l.id, l.basket_id::text, l.product_id::text, upper(r.partner_sku), l.quantity::numeric,
                  l.date_created, l.basket_id IN (SELECT id FROM basket_basket WHERE status = 'Saved')
           FROM basket_line l JOIN partner_stockrecord r ON r.product_id = l.product_id""",
    ),
    "sale_fulfilments": (
        """sale_id, fulfilment_type, status, location_id, quantity, tracking_number, destination_country_code,
        shipped_at, created_at""",
        """SELECT e.id, e.order_id::text, 'shipment', 'shipped',
                  (SELECT CASE count(DISTINCT l.partner_id) WHEN 1 THEN min(l.partner_id)::text END FROM order_line l
                   JOIN order_shippingeventquantity q ON q.line_id = l.id WHERE q.event_id = e.id),
                  (SELECT sum(q.quantity)::numeric FROM order_shippingeventquantity q WHERE q.event_id = e.id),
                  e.notes, 'GB', e.date_created, (SELECT date_placed FROM order_order o WHERE o.id = e.order_id)
           FROM order_shippingevent e WHERE e.event_type_id = 1""",
    ),
    "product_reviews": (
        "product_id, customer_id, rating, rating_raw, status, helpful_count, unhelpful_count, submitted_at",
        """SELECT r.id, r.product_id::text, r.user_id::text, 1 + r.score * 0.8, r.score::numeric,
                  (ARRAY['pending', 'published', 'rejected'])[r.status + 1],
                  (SELECT count(*) FROM reviews_vote v WHERE v.review_id = r.id AND v.delta = 1),
                  (SELECT count(*) FROM reviews_vote v WHERE v.review_id = r.id AND v.delta = -1), r.date_created
           FROM reviews_productreview r""",
    ),
}
MONEY = {
    "products": (
        "currency_code, list_price",
        """SELECT p.id, s.price_currency, s.price FROM catalogue_product p
           LEFT JOIN partner_stockrecord s ON s.product_id = p.id WHERE p.structure <> 'parent'""",
    ),
    "sales": (
        "currency_code, subtotal_amount, discount_amount, tax_amount, shipping_amount, other_amount, total_amount",
        """SELECT o.id, o.currency, o.total_incl_tax - o.shipping_incl_tax + d.amount, d.amount,
                  o.total_incl_tax - o.total_excl_tax, o.shipping_incl_tax, 0.0, o.total_incl_tax
           FROM order_order o CROSS JOIN LATERAL (
             SELECT coalesce(sum(x.amount), 0) AS amount FROM order_orderlinediscount x
             JOIN order_line l ON l.id = x.line_id WHERE l.order_id = o.id) d""",
    ),
    "transactions": (
        "currency_code, amount",
        """SELECT t.id, o.currency, t.amount FROM payment_transaction t JOIN payment_source s ON s.id = t.source_id
           JOIN order_order o ON o.id = s.order_id""",
    ),
    "shopping_carts": (
        "currency_code, subtotal_amount",
        """SELECT b.id, 'GBP', (SELECT sum(l.quantity * l.price_incl_tax) FROM basket_line l WHERE l.basket_id = b.id)
           FROM basket_basket b""",
    ),
}
# The rows of these entities have no currency of their own: it is their document's.
LINES = {
    "sale_items": (
        "unit_price, gross_amount, discount_amount, tax_amount, net_amount",
        """SELECT l.id, l.unit_price_incl_tax, l.unit_price_incl_tax * l.quantity, coalesce(sum(x.amount), 0),
                  l.line_price_incl_tax - l.line_price_excl_tax, l.line_price_incl_tax
           FROM order_line l LEFT JOIN order_orderlinediscount x ON x.line_id = l.id
           GROUP BY l.id, l.unit_price_incl_tax, l.quantity, l.line_price_incl_tax, l.line_price_excl_tax""",
    ),
    "cart_items": (
        "unit_price, line_amount",
        "SELECT id, price_incl_tax, price_incl_tax * quantity FROM basket_line",
    ),
}
