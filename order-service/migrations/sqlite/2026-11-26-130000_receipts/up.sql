-- The receipt of a payment, from the moment of the payment on: file_id is there when file-service has it.
CREATE TABLE receipts (
    order_id TEXT PRIMARY KEY REFERENCES orders (id),
    company_id BIGINT NOT NULL,
    -- On whose behalf it is written.
    session TEXT NOT NULL,
    traceparent TEXT,
    file_id TEXT,
    attempts INTEGER NOT NULL,
    next_try_at TIMESTAMP NOT NULL
);
CREATE INDEX receipts_to_write ON receipts (next_try_at) WHERE file_id IS NULL;
