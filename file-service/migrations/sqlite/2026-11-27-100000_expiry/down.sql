DROP INDEX files_by_expiry;
ALTER TABLE uploads DROP COLUMN file_expires_at;
ALTER TABLE files DROP COLUMN expires_at;
