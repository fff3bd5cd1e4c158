CREATE TABLE clients (
    client_id TEXT PRIMARY KEY,
    -- SHA-256 of a generated secret of 256 bits: a slow hash would cost every token 20 ms and protect nothing more.
    secret_sha256 TEXT NOT NULL,
    scopes TEXT NOT NULL,
    audiences TEXT NOT NULL,
    session_policy TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    -- PKCS#8, encrypted with the master key; the kid is authenticated along with it.
    sealed_private_key BYTEA NOT NULL,
    -- 'ACTIVE' signs, 'PUBLISHED' only verifies.
    state TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
-- Of two replicas that start on an empty database, one makes the key and the other takes it.
CREATE UNIQUE INDEX one_active_key ON signing_keys (algorithm) WHERE state = 'ACTIVE';
