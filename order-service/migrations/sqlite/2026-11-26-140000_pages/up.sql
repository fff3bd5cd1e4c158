-- A page is found by the id after which it begins, whatever it is filtered by.
CREATE INDEX orders_by_status ON orders (company_id, status, id);
CREATE INDEX orders_by_user ON orders (company_id, user_id, id);
