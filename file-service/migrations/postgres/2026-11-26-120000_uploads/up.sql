-- The client that has acted on the user's behalf; null: the user alone.
ALTER TABLE files ADD COLUMN created_through TEXT;

-- What the object holds of its company's quota; by what name an S3 store keeps its parts; whether somebody is about
-- to remove it, so that it can become no file any more.
ALTER TABLE loose_objects ADD COLUMN reserved_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE loose_objects ADD COLUMN multipart_id TEXT;
ALTER TABLE loose_objects ADD COLUMN doomed BOOLEAN NOT NULL DEFAULT FALSE;

-- The sum of a company's files, of what its loose objects hold, and of the whole lengths of its unfinished uploads.
CREATE TABLE storage_usage (
    company_id BIGINT PRIMARY KEY,
    used_bytes BIGINT NOT NULL
);
-- The policy of files lets nobody see a row who does not say whose.
SET LOCAL baton.company_id = '*';
INSERT INTO storage_usage (company_id, used_bytes)
SELECT company_id, CAST(SUM(size_bytes) AS BIGINT) FROM files GROUP BY company_id;

-- Uploads that can be resumed. What has come of one are its parts, each an object of its own that never changes.
-- offset_bytes is where the next one begins: whoever adds a part names it, and of two who do so one wins.
CREATE TABLE uploads (
    id TEXT COLLATE "C" PRIMARY KEY,
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
    id TEXT COLLATE "C" PRIMARY KEY,
    company_id BIGINT NOT NULL,
    upload_id TEXT COLLATE "C" NOT NULL REFERENCES uploads (id),
    first_byte BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes > 0)
);
CREATE UNIQUE INDEX upload_parts_in_order ON upload_parts (upload_id, first_byte);

ALTER TABLE storage_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE storage_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON storage_usage
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON uploads
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));

ALTER TABLE upload_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE upload_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON upload_parts
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));
