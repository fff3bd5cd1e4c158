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

ALTER TABLE receipts ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON receipts
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));
