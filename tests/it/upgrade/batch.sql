INSERT INTO settlements (paid_on, company_id, number, state, file_ids, order_count, sums, opened_at) VALUES
    ('2026-07-02', 70, 1, 'CLOSED', '0198a000-0000-7000-8000-0000000000f1', 1, '{"USD":140}', '2026-07-03 02:00:00');
