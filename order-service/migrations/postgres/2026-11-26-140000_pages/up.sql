-- contract: it changed before the first release.
-- Ids are UUIDv7 in lower case: in the order of their bytes they are in the order of time.
ALTER TABLE orders ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE order_items ALTER COLUMN order_id TYPE TEXT COLLATE "C";

-- A page is found by the id after which it begins, whatever it is filtered by.
CREATE INDEX orders_by_status ON orders (company_id, status, id);
CREATE INDEX orders_by_user ON orders (company_id, user_id, id);
