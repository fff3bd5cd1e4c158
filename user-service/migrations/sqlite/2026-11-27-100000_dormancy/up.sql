-- When somebody was last seen, to the day. Who is there already counts as seen now: nobody has written down when he was, and whose
-- login goes on by refreshing need not log in for a while. SQLite takes no moving default here; who has the one that stands here is never dormant.
ALTER TABLE users ADD COLUMN last_seen_at TIMESTAMP NOT NULL DEFAULT '9999-12-31 00:00:00';
UPDATE users SET last_seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now');

-- When somebody was told that he has not been seen for long, and by which request. Being seen clears both.
ALTER TABLE users ADD COLUMN dormancy_warned_at TIMESTAMP;
ALTER TABLE users ADD COLUMN dormancy_warning_key TEXT;
CREATE INDEX users_by_last_seen ON users (last_seen_at, company_id) WHERE closed_at IS NULL;
