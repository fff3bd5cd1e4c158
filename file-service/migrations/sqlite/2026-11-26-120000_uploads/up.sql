-- The client that has acted on the user's behalf; null: the user alone.
ALTER TABLE files ADD COLUMN created_through TEXT;

-- What the object holds of its company's quota; by what name an S3 store keeps its parts; whether somebody is about
-- to remove it, so that it can become no file any more.
ALTER TABLE loose_objects ADD COLUMN reserved_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE loose_objects ADD COLUMN multipart_id TEXT;
ALTER TABLE loose_objects ADD COLUMN doomed BOOLEAN NOT NULL DEFAULT FALSE;

-- The sum of a company's files, of what its loose objects hold, and of the whole lengths of its unfinished uploads.
CREATE TABLE storage_usage (
    company_id BIGINT PRIMARY KEY NOT NULL,
    used_bytes BIGINT NOT NULL
);
INSERT INTO storage_usage (company_id, used_bytes)
SELECT company_id, SUM(size_bytes) FROM files GROUP BY company_id;

-- Uploads that can be resumed. What has come of one are its parts, each an object of its own that never changes.
-- offset_bytes is where the next one begins: whoever adds a part names it, and of two who do so one wins.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY NOT NULL,
    company_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    offset_bytes BIGINT NOT NULL CHECK (offset_bytes BETWEEN 0 AND size_bytes),
    part_count BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    leased_until TIMESTAMP,
    file_id TEXT,
    created_at TIMESTAMP NOT NULL,
    created_by BIGINT NOT NULL,
    created_through TEXT,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX uploads_by_end ON uploads (expires_at);

CREATE TABLE upload_parts (
    id TEXT PRIMARY KEY NOT NULL,
    company_id BIGINT NOT NULL,
    upload_id TEXT NOT NULL REFERENCES uploads (id),
    first_byte BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes > 0)
);
CREATE UNIQUE INDEX upload_parts_in_order ON upload_parts (upload_id, first_byte);
