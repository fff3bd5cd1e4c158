-- A line of an order knows whose it is: no query finds it by the order alone.
ALTER TABLE order_items ADD COLUMN company_id BIGINT NOT NULL DEFAULT 0;
UPDATE order_items SET company_id = (SELECT company_id FROM orders WHERE orders.id = order_items.order_id);
