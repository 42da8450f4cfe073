-- A day that the dumps do not have, written as Odoo writes: what happens to orders, deliveries and payments later on.
CREATE TEMP TABLE now AS SELECT timestamp '2026-11-25 09:30:00' AS at;

-- A cart is confirmed, another one is deleted with its lines.
UPDATE sale_order SET state = 'sale', procurement_group_id = 315, delivery_status = 'pending', date_order = at, write_date = at
FROM now WHERE id = 360;
UPDATE sale_order_line SET state = 'sale', write_date = at FROM now WHERE order_id = 360;
DELETE FROM sale_order_line WHERE order_id = 351;
DELETE FROM sale_order WHERE id = 351;

-- A confirmed order is cancelled; its lines are left as they are.
UPDATE sale_order SET state = 'cancel', write_date = at FROM now WHERE id = 380;

-- An order loses a line; another one gets a delivery, and a line that is sold by the dozen.
DELETE FROM sale_order_line WHERE id = 984;
INSERT INTO sale_order_line SELECT r.* FROM now, sale_order_line l, jsonb_populate_record(l, jsonb_build_object(
    'id', 9001, 'sequence', 99, 'product_id', 37, 'name', 'Delivery', 'is_delivery', true, 'product_uom_qty', 1,
    'price_unit', 10, 'discount', 0, 'price_subtotal', 10, 'price_tax', 1.5, 'price_total', 11.5, 'create_date', at,
    'write_date', at)) r
WHERE l.id = 987;
UPDATE sale_order_line SET product_uom = 2, product_uom_qty = 2, price_unit = 24, discount = 0, price_subtotal = 48,
    price_tax = 7.2, price_total = 55.2, write_date = at
FROM now WHERE id = 987;
UPDATE sale_order SET amount_untaxed = s.net, amount_tax = s.total - s.net, amount_total = s.total, write_date = at
FROM now, (SELECT order_id, sum(price_subtotal) AS net, sum(price_total) AS total FROM sale_order_line GROUP BY 1) s
WHERE s.order_id = id AND id IN (378, 379);

-- A delivery leaves the warehouse.
UPDATE stock_picking SET state = 'done', date_done = at, write_date = at FROM now WHERE id = 465;
UPDATE stock_move SET state = 'done', date = at, write_date = at FROM now WHERE picking_id = 465;
UPDATE stock_move_line SET state = 'done', date = at, write_date = at FROM now WHERE picking_id = 465;
UPDATE stock_quant SET quantity = quantity - 6, write_date = at FROM now WHERE product_id = 42 AND location_id = 8;

-- A payment succeeds; another one is in a state that nobody knows.
UPDATE payment_transaction SET state = 'done', last_state_change = at, write_date = at FROM now WHERE id = 16;
UPDATE payment_transaction SET state = 'on_hold', write_date = at FROM now WHERE id = 94;

-- A price that stands on the template alone, an archived customer, a review and a card that are no more.
UPDATE product_template SET list_price = list_price + 1, write_date = at FROM now WHERE id = 14;
UPDATE res_partner SET active = false, write_date = at FROM now WHERE id = 188;
DELETE FROM rating_rating WHERE id = 85;
DELETE FROM loyalty_history WHERE card_id = 348;
DELETE FROM loyalty_card WHERE id = 348;
