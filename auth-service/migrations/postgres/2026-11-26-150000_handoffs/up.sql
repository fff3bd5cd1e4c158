-- What a client may hand on to others, and what it takes over from them: by purpose, as JSON.
ALTER TABLE clients ADD COLUMN hands_on TEXT NOT NULL DEFAULT '{}';
ALTER TABLE clients ADD COLUMN takes_over TEXT NOT NULL DEFAULT '{}';

-- The right of one client to act in one session later on. Nothing that a use changes has an index, so that PostgreSQL writes
-- the row anew in its page and no index with it.
CREATE TABLE handoffs (
    -- SHA-256 of the id, which nobody here knows.
    -- In the order of its bytes: those who change several take them in one order.
    name TEXT COLLATE "C" PRIMARY KEY,
    purpose TEXT NOT NULL,
    handed_on_by TEXT NOT NULL,
    executor TEXT NOT NULL,
    audiences TEXT NOT NULL,
    scope TEXT NOT NULL,
    sub TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    session TEXT NOT NULL,
    -- The login or root session that it came of, when that began, in seconds since 1970, and who has acted since.
    root_sid TEXT NOT NULL,
    root_began_s BIGINT NOT NULL,
    act TEXT NOT NULL,
    -- Of what the user proves who he is with, when it was made: what was made with older ones ends with them.
    credentials_version BIGINT NOT NULL,
    max_uses BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    not_before_s BIGINT NOT NULL,
    not_after_s BIGINT NOT NULL,
    outlives_logout BOOLEAN NOT NULL,
    traceparent TEXT,
    uses BIGINT NOT NULL,
    -- Each use: its key, and until when its token is good, in seconds since 1970.
    redemptions TEXT NOT NULL,
    last_used_at TIMESTAMP,
    -- By what it has ended before its time. NULL: it has not.
    ended_by TEXT,
    ended_at TIMESTAMP
);
CREATE INDEX handoffs_of_user ON handoffs (user_id);
CREATE INDEX handoffs_of_root ON handoffs (root_sid);
CREATE INDEX handoffs_by_end ON handoffs (not_after_s);
-- Room for the row's next version beside it.
ALTER TABLE handoffs SET (fillfactor = 50);

-- Whoever hands on looks whether the root has ended.
CREATE INDEX revocations_by_target ON revocations (kind, value);
