-- The policy is that of a client that may speak for any company; the secret is in upgrade.rs.
INSERT INTO clients (client_id, secret_sha256, scopes, audiences, session_policy, created_at) VALUES
    ('old-shop', 'wQ7s8Pqg4yFMWOjeXsGgkgkXThUtgpcMdXy3tfXSS2k', 'order:read file:read user:read', '["order-service","file-service","user-service"]', '{"assert":{"companies":"any"}}', '2026-07-02 08:00:00');
