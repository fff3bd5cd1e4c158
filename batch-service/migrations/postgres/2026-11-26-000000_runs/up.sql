-- A run: a job for a window with its parameters (canonical JSON). There is one row for them, whoever starts it and how often.
CREATE TABLE runs (
    id BIGSERIAL PRIMARY KEY,
    job TEXT NOT NULL,
    run_window TEXT NOT NULL,
    parameters TEXT NOT NULL,
    -- Raised when a run that was complete is asked to do it again.
    pass INTEGER NOT NULL,
    -- OPEN, COMPLETE, FAILED.
    state TEXT NOT NULL,
    -- All of its parts are there.
    planned BOOLEAN NOT NULL,
    -- An operator has stopped it.
    stop_requested BOOLEAN NOT NULL,
    -- Why it has failed.
    reason TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    UNIQUE (job, run_window, parameters)
);

-- What a run does for one company, or for none (0).
CREATE TABLE parts (
    id BIGSERIAL PRIMARY KEY,
    run_id BIGINT NOT NULL REFERENCES runs (id),
    company_id BIGINT NOT NULL,
    -- OPEN, DONE, FAILED.
    state TEXT NOT NULL,
    -- The process that works on it, until when; raised with each that takes it over: what an earlier one writes does not count.
    owner TEXT NOT NULL,
    lease_until TIMESTAMP NOT NULL,
    fence BIGINT NOT NULL,
    -- The number of the checkpoint, and what comes after it: where to read on, or the very items to be processed (JSON).
    checkpoint BIGINT NOT NULL,
    place TEXT NOT NULL,
    items BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    -- What the job counts, by name (JSON).
    counts TEXT NOT NULL,
    reason TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    UNIQUE (run_id, company_id)
);

CREATE INDEX parts_open ON parts (run_id, company_id) WHERE state = 'OPEN';

-- Items that could not be processed.
CREATE TABLE quarantine (
    id BIGSERIAL PRIMARY KEY,
    run_id BIGINT NOT NULL REFERENCES runs (id),
    company_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    item TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    -- OPEN, CLEARED.
    state TEXT NOT NULL,
    at TIMESTAMP NOT NULL,
    UNIQUE (run_id, company_id, name)
);

CREATE INDEX quarantine_open ON quarantine (run_id) WHERE state = 'OPEN';
