-- What a client is allowed beyond tokens of its own, as JSON, and how it proves who it is without a secret.
ALTER TABLE clients ADD COLUMN exchange TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN serves TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN keys TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN service_account TEXT;
-- Whether a file declares it: only such a client goes when the file no longer does.
ALTER TABLE clients ADD COLUMN from_file BOOLEAN NOT NULL DEFAULT FALSE;
-- One account is one client.
CREATE UNIQUE INDEX one_client_an_account ON clients (service_account);

CREATE TABLE client_secrets (
    secret_id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    -- SHA-256 of a generated secret of 256 bits: a slow hash would cost every token 20 ms and protect nothing more.
    sha256 TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    -- NULL: until it is replaced.
    expires_at TIMESTAMP
);
CREATE INDEX secrets_of_client ON client_secrets (client_id);
INSERT INTO client_secrets (secret_id, client_id, sha256, created_at)
    SELECT client_id, client_id, secret_sha256, created_at FROM clients;
-- clients.secret_sha256 and signing_keys.state stay for replicas of the release before, which still look for them.

-- A key signs from a moment on, until its successor does. Two replicas that make the successor at once make one.
ALTER TABLE signing_keys ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE signing_keys ADD COLUMN signs_from TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:00';
UPDATE signing_keys SET signs_from = created_at;
CREATE UNIQUE INDEX one_key_a_generation ON signing_keys (algorithm, generation);

-- Raised in the transaction of each change, so that a replica sees with one look what it has to read again. The row is
-- locked until the change is committed: numbers appear in the order in which they were given.
CREATE TABLE changes (
    name TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO changes (name, version) VALUES ('clients', 0), ('keys', 0), ('revocations', 0);

CREATE TABLE revocations (
    seq BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    -- Seconds since 1970: tokens issued until then are meant. NULL: all.
    before_s BIGINT,
    -- Seconds since 1970: no token that is meant is alive after that.
    expires_s BIGINT NOT NULL
);

-- Assertions that have been used (RFC 7523 section 3): the same one is not taken twice, by whichever replica.
CREATE TABLE used_assertions (
    client_id TEXT NOT NULL,
    jti_sha256 TEXT NOT NULL,
    expires_s BIGINT NOT NULL,
    PRIMARY KEY (client_id, jti_sha256)
);
CREATE INDEX used_assertions_by_end ON used_assertions (expires_s);

-- Only added to. Grants and refusals are bounded in number, changes in age.
CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What was written once is not written again when the answer of the database was lost.
    event_id TEXT NOT NULL UNIQUE,
    at TIMESTAMP NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    client_id TEXT,
    session TEXT,
    detail TEXT NOT NULL
);
CREATE INDEX audit_by_event ON audit (event, id);
