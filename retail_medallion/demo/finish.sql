-- What makes the tables a working database; it comes after the rows because loading is several times faster without.

ALTER TABLE shop.articles ADD FOREIGN KEY (group_id) REFERENCES shop.article_groups,
    ADD FOREIGN KEY (vendor_id) REFERENCES shop.vendors;
ALTER TABLE shop.orders ADD FOREIGN KEY (client_id) REFERENCES shop.clients,
    ADD FOREIGN KEY (site_id) REFERENCES shop.sites,
    ADD FOREIGN KEY (return_of) REFERENCES shop.orders;
ALTER TABLE shop.order_lines ADD FOREIGN KEY (order_id) REFERENCES shop.orders ON DELETE CASCADE,
    ADD FOREIGN KEY (article_id) REFERENCES shop.articles;
ALTER TABLE shop.payments ADD FOREIGN KEY (tender_code) REFERENCES shop.tenders;
ALTER TABLE shop.basket_lines ADD FOREIGN KEY (basket_id) REFERENCES shop.baskets ON DELETE CASCADE;
ALTER TABLE shop.parcels ADD FOREIGN KEY (order_id) REFERENCES shop.orders;

CREATE INDEX ON shop.articles (updated_at);
CREATE INDEX ON shop.vendors (updated_at);
CREATE INDEX ON shop.clients (updated_at);
CREATE INDEX ON shop.vouchers (updated_at);
CREATE INDEX ON shop.orders (greatest(updated_at, lines_touched_at));
CREATE INDEX ON shop.orders (client_id);
CREATE INDEX ON shop.orders (return_of) WHERE return_of IS NOT NULL;
CREATE INDEX ON shop.order_lines (order_id, pos);
CREATE INDEX ON shop.payments (recorded_at);
CREATE INDEX ON shop.payments (order_id);
CREATE INDEX ON shop.market_orders (updated_at);
CREATE INDEX ON shop.stock_moves (recorded_at);
CREATE INDEX ON shop.club_ledger (recorded_at);
CREATE INDEX ON shop.baskets (updated_at);
CREATE INDEX ON shop.basket_lines (basket_id);
CREATE INDEX ON shop.parcels (updated_at);
CREATE INDEX ON shop.opinions (updated_at);

-- A statement that does not set updated_at itself gets the clock's time.
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := shop.clock();
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER touch BEFORE UPDATE ON shop.articles FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch BEFORE UPDATE ON shop.vendors FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch BEFORE UPDATE ON shop.clients FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch BEFORE UPDATE ON shop.vouchers FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch BEFORE UPDATE ON shop.market_orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch BEFORE UPDATE ON shop.baskets FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch BEFORE UPDATE ON shop.parcels FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch BEFORE UPDATE ON shop.opinions FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch BEFORE UPDATE ON shop.orders FOR EACH ROW
    WHEN (NEW.lines_touched_at IS NOT DISTINCT FROM OLD.lines_touched_at) EXECUTE FUNCTION shop.touch();

-- A line has no time of its own: whatever happens to it is noted on its order, also that it went.
CREATE FUNCTION shop.touch_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE shop.orders SET lines_touched_at = shop.clock()
    WHERE id IN (SELECT order_id FROM touched);
    RETURN NULL;
END $$;

CREATE TRIGGER line_added AFTER INSERT ON shop.order_lines REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION shop.touch_order();
CREATE TRIGGER line_changed AFTER UPDATE ON shop.order_lines REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION shop.touch_order();
CREATE TRIGGER line_removed AFTER DELETE ON shop.order_lines REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION shop.touch_order();

ANALYZE shop.article_groups, shop.vendors, shop.sites, shop.tenders, shop.articles, shop.clients, shop.vouchers,
    shop.orders, shop.order_lines, shop.payments, shop.market_orders, shop.stock_moves, shop.club_ledger,
    shop.baskets, shop.basket_lines, shop.parcels, shop.opinions;
