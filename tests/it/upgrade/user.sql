INSERT INTO users (id, company_id, email, name, created_at) VALUES
    (1001, 70, 'one@example.com', 'one', '2026-07-02 08:00:00'),
    (1002, 70, 'two@example.com', 'two', '2026-07-02 09:00:00'),
    (1003, 71, 'other@example.com', 'other', '2026-07-02 09:00:00');
