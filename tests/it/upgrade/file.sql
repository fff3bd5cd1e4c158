INSERT INTO files (id, company_id, name, content_type, size_bytes, sha256, idempotency_key, created_at, created_by) VALUES
    ('0198a000-0000-7000-8000-0000000000f1', 70, 'old.txt', 'text/plain', 16, 'f786473167125d1bfae848626a69c47fd0b7acd9a3df15d2f2a5343ec2ad5771', 'k-1', '2026-07-02 10:00:00', 1001);
