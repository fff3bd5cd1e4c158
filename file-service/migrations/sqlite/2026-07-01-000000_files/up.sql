-- Ids are UUIDv7 in lower case: in the order of their bytes they are in the order of time.
CREATE TABLE files (
    id TEXT PRIMARY KEY NOT NULL,
    company_id BIGINT NOT NULL CHECK (company_id > 0),
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    sha256 TEXT NOT NULL,
    idempotency_key TEXT,
    created_at TIMESTAMP NOT NULL,
    created_by BIGINT NOT NULL
);
CREATE INDEX files_by_company ON files (company_id, id);
CREATE INDEX files_by_name ON files (company_id, name, id);
CREATE UNIQUE INDEX files_by_idempotency_key ON files (company_id, idempotency_key);

-- Objects in the storage that no row of files stands for: not yet, or no more. Whatever is here for long was
-- left behind by a process that was killed.
CREATE TABLE loose_objects (
    id TEXT PRIMARY KEY NOT NULL,
    company_id BIGINT NOT NULL,
    since TIMESTAMP NOT NULL
);
CREATE INDEX loose_objects_by_age ON loose_objects (since);
