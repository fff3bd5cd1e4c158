DROP TABLE login_ends;
DROP TABLE mail_outbox;
DROP TABLE identities;
DROP TABLE companies;
-- The version before knows nobody without an address, and nobody whose account is closed.
CREATE TABLE users_before (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    company_id BIGINT NOT NULL CHECK (company_id > 0),
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
INSERT INTO users_before (id, company_id, email, name, created_at)
    SELECT id, company_id, email, name, created_at FROM users
    WHERE email IS NOT NULL AND closed_at IS NULL;
DELETE FROM sqlite_sequence WHERE name = 'users_before';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'users_before', seq FROM sqlite_sequence WHERE name = 'users';
DROP TABLE users;
ALTER TABLE users_before RENAME TO users;
CREATE INDEX users_by_company ON users (company_id, id);
