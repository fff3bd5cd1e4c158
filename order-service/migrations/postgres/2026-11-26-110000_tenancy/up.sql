-- contract: it changed before the first release.
-- A line of an order knows whose it is: no query finds it by the order alone.
ALTER TABLE order_items ADD COLUMN company_id BIGINT;
UPDATE order_items SET company_id = orders.company_id FROM orders WHERE orders.id = order_items.order_id;
ALTER TABLE order_items ALTER COLUMN company_id SET NOT NULL;

-- A transaction sees the rows of the company that it is made for, and all of them only where it says so: the `where` of a
-- query may be forgotten. (From here on a migration that changes rows begins with SET LOCAL baton.company_id = '*'.)
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON orders
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));

ALTER TABLE order_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_items FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON order_items
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));

ALTER TABLE company_prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE company_prices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON company_prices
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));
