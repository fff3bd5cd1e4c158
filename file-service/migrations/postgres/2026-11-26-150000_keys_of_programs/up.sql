-- A key belongs to the program that has sent it: a user cannot take the one under which another service will write.
DROP INDEX files_by_idempotency_key;
CREATE UNIQUE INDEX files_by_idempotency_key ON files (company_id, idempotency_key, (coalesce(created_through, '')));
