DROP TABLE upload_parts;
DROP TABLE uploads;
DROP TABLE storage_usage;
ALTER TABLE loose_objects DROP COLUMN doomed;
ALTER TABLE loose_objects DROP COLUMN multipart_id;
ALTER TABLE loose_objects DROP COLUMN reserved_bytes;
ALTER TABLE files DROP COLUMN created_through;
