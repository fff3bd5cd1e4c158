DROP INDEX files_by_idempotency_key;
CREATE UNIQUE INDEX files_by_idempotency_key ON files (company_id, idempotency_key);
