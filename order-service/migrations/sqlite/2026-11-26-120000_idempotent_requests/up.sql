-- contract: it changed before the first release.
-- Requests under an Idempotency-Key, with the answers that they were given.
CREATE TABLE idempotent_requests (
    company_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    answer TEXT,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (company_id, key)
);
CREATE INDEX idempotent_requests_by_age ON idempotent_requests (created_at);
-- Keys of before have no answers that could be given again. They stay taken: a request that comes again is told so, and
-- does not place a second order.
INSERT INTO idempotent_requests (company_id, key, sha256, answer, created_at)
    SELECT company_id, key, request_sha256, NULL, created_at FROM idempotency_keys;
DROP TABLE idempotency_keys;
