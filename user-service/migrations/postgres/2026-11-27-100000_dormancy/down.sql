DROP INDEX users_by_last_seen;
ALTER TABLE users DROP COLUMN dormancy_warning_key;
ALTER TABLE users DROP COLUMN dormancy_warned_at;
ALTER TABLE users DROP COLUMN last_seen_at;
