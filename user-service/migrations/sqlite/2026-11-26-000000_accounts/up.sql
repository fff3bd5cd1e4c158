-- contract: it changed before the first release.
-- Users who are there already keep what they have: LOCAL, without a password until they set one.
-- SQLite cannot take NOT NULL from a column, so the table is made anew; no id is given out twice.
CREATE TABLE users_anew (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    company_id BIGINT NOT NULL CHECK (company_id > 0),
    email TEXT UNIQUE,
    name TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    provider TEXT NOT NULL DEFAULT 'LOCAL'
        CHECK (provider IN ('LOCAL', 'GOOGLE', 'NAVER', 'KAKAO')),
    password_hash TEXT,
    credentials_version BIGINT NOT NULL DEFAULT 1,
    email_digest TEXT,
    closed_at TIMESTAMP,
    erased_at TIMESTAMP
);
INSERT INTO users_anew (id, company_id, email, name, created_at)
    SELECT id, company_id, email, name, created_at FROM users;
DELETE FROM sqlite_sequence WHERE name = 'users_anew';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'users_anew', seq FROM sqlite_sequence WHERE name = 'users';
DROP TABLE users;
ALTER TABLE users_anew RENAME TO users;
CREATE INDEX users_by_company ON users (company_id, id);
CREATE INDEX users_by_email_digest ON users (email_digest) WHERE email_digest IS NOT NULL;
CREATE INDEX users_to_erase ON users (closed_at) WHERE closed_at IS NOT NULL AND erased_at IS NULL;

-- Companies of people who signed up by themselves; lower ids are given out elsewhere.
CREATE TABLE companies (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
INSERT INTO sqlite_sequence (name, seq) VALUES ('companies', 999999999);

CREATE TABLE identities (
    provider TEXT NOT NULL CHECK (provider IN ('GOOGLE', 'NAVER', 'KAKAO')),
    subject TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id),
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (provider, subject)
);
CREATE INDEX identities_by_user ON identities (user_id);

-- Mail that has not been sent yet. A row goes when it is sent, or good for nothing any more.
CREATE TABLE mail_outbox (
    id TEXT PRIMARY KEY NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    text_body TEXT NOT NULL,
    html_body TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    attempts INTEGER NOT NULL,
    next_try_at TIMESTAMP NOT NULL
);
CREATE INDEX mail_outbox_due ON mail_outbox (next_try_at);

-- Logins that auth-service has not been told to end yet. A row goes when it has.
CREATE TABLE login_ends (
    id TEXT PRIMARY KEY NOT NULL,
    user_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    version BIGINT NOT NULL,
    except_sid TEXT,
    attempts INTEGER NOT NULL,
    next_try_at TIMESTAMP NOT NULL
);
CREATE INDEX login_ends_due ON login_ends (next_try_at);
