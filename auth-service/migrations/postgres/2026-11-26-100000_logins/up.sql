-- A person at a device, from signing in to signing out: one row, however often its refresh token is renewed. Nothing that
-- a renewal changes has an index, so that PostgreSQL writes the row anew in its page and no index with it.
CREATE TABLE logins (
    sid TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    session TEXT NOT NULL,
    provider TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    address TEXT NOT NULL,
    -- Of what the user had proved who he is with: it rises with each change of his password.
    credentials_version BIGINT NOT NULL,
    began_at TIMESTAMP NOT NULL,
    -- auth_time of its tokens, in seconds since 1970.
    auth_time_s BIGINT NOT NULL,
    used_at TIMESTAMP NOT NULL,
    -- It ends then, however much it is used, and earlier when it is not used.
    ends_at TIMESTAMP NOT NULL,
    idle_until TIMESTAMP NOT NULL,
    -- Of the refresh token that is good now; its SHA-256.
    generation BIGINT NOT NULL,
    token_hash TEXT NOT NULL,
    -- The one before, when it was exchanged, and what for: sealed with that token, and wiped when it may not be told again.
    parent_hash TEXT,
    exchanged_at TIMESTAMP,
    sealed_pair BYTEA,
    -- By what it has ended. NULL: it has not.
    ended_by TEXT
);
CREATE INDEX logins_of_user ON logins (user_id);
-- Room for the row's next version beside it.
ALTER TABLE logins SET (fillfactor = 50);

-- One row for each user who has ever signed in: it is locked while a login is added, so that two at once count each other.
CREATE TABLE login_counts (
    user_id BIGINT PRIMARY KEY,
    begun BIGINT NOT NULL,
    -- Logins by older credentials than this neither live nor begin.
    min_version BIGINT NOT NULL
);

-- Passwords that were tried: by account and address, by address, by account; hashed. Times in milliseconds since 1970.
CREATE TABLE login_attempts (
    key TEXT PRIMARY KEY,
    tries BIGINT NOT NULL,
    next_ms BIGINT NOT NULL,
    forget_ms BIGINT NOT NULL
);
CREATE INDEX login_attempts_by_end ON login_attempts (forget_ms);

-- Where logins are in Redis alone: how far they have come, kept where Redis cannot lose it. One row.
CREATE TABLE login_eras (
    id BIGINT PRIMARY KEY,
    era BIGINT NOT NULL,
    counted BIGINT NOT NULL
);
INSERT INTO login_eras (id, era, counted) VALUES (1, 1, 0);
