INSERT INTO products (id, name, unit_price_minor, currency, created_at) VALUES
    (1, 'pen', 150, 'USD', '2026-07-02 08:00:00');
INSERT INTO company_prices (company_id, product_id, unit_price_minor, currency) VALUES (70, 1, 140, 'USD');
INSERT INTO orders (id, company_id, user_id, order_no, status, total_minor, currency, paid_at, settled_at, settlement_id, settle_key, version, created_at) VALUES
    ('0198a000-0000-7000-8000-000000000001', 70, 1001, 'A-1', 'PAID', 280, 'USD', '2026-07-02 10:00:00', NULL, NULL, NULL, 2, '2026-07-02 09:00:00'),
    ('0198a000-0000-7000-8000-000000000002', 70, 1001, 'A-2', 'SETTLED', 140, 'USD', '2026-07-02 10:00:00', '2026-07-03 02:00:00', 'S-1', 'key-1', 3, '2026-07-02 09:30:00'),
    ('0198a000-0000-7000-8000-000000000003', 71, 1003, 'A-1', 'PAID', 150, 'USD', '2026-07-02 10:00:00', NULL, NULL, NULL, 2, '2026-07-02 09:00:00');
INSERT INTO order_items (order_id, line, product_id, product_name, quantity, unit_price_minor) VALUES
    ('0198a000-0000-7000-8000-000000000001', 1, 1, 'pen', 2, 140),
    ('0198a000-0000-7000-8000-000000000002', 1, 1, 'pen', 1, 140),
    ('0198a000-0000-7000-8000-000000000003', 1, 1, 'pen', 1, 150);
INSERT INTO idempotency_keys (company_id, key, request_sha256, order_id, created_at) VALUES
    (70, 'k-1', '0000', '0198a000-0000-7000-8000-000000000001', '2026-07-02 09:00:00');
