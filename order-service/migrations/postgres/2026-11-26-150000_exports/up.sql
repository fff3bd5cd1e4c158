-- An export that a user has asked for, and what was handed on with it: the right to act in his session until it is done.
CREATE TABLE exports (
    id TEXT PRIMARY KEY,
    company_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    handoff TEXT NOT NULL,
    -- Until when that is good, unless it ends before.
    handed_on_until TIMESTAMP NOT NULL,
    placed_from TIMESTAMP,
    placed_to TIMESTAMP,
    -- Not to be worked on before.
    due_at TIMESTAMP NOT NULL,
    -- REQUESTED, DONE, CLOSED
    state TEXT NOT NULL,
    file_id TEXT,
    -- Why it was closed without a file, and by what its right to act had ended.
    reason TEXT,
    ended_by TEXT,
    created_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP
);
CREATE INDEX exports_of_user ON exports (company_id, user_id, id);
CREATE INDEX exports_to_do ON exports (company_id, id) WHERE state = 'REQUESTED';

ALTER TABLE exports ENABLE ROW LEVEL SECURITY;
ALTER TABLE exports FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON exports
    USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));
