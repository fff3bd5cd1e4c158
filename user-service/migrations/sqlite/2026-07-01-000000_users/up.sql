-- Ids below 1000 are for accounts that belong to programs, such as the batch's.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    company_id BIGINT NOT NULL CHECK (company_id > 0),
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
INSERT INTO sqlite_sequence (name, seq) VALUES ('users', 999);
CREATE INDEX users_by_company ON users (company_id, id);
