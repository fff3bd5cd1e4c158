ALTER TABLE order_items DROP COLUMN company_id;
