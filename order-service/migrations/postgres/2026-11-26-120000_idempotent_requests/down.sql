DROP TABLE idempotent_requests;
CREATE TABLE idempotency_keys (
    company_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    order_id TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (company_id, key)
);
