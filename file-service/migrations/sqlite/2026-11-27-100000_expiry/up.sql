-- When a file may be deleted; null: nobody deletes it unasked. An upload keeps it for the file that it becomes.
ALTER TABLE files ADD COLUMN expires_at TIMESTAMP;
ALTER TABLE uploads ADD COLUMN file_expires_at TIMESTAMP;
CREATE INDEX files_by_expiry ON files (expires_at, company_id, id) WHERE expires_at IS NOT NULL;
