-- What settle-orders has done for a company's orders of a day. Orders that come in late go on a statement of their
-- own, with the next number; one that is OPEN is gone on with by the next run.
CREATE TABLE settlements (
    paid_on DATE NOT NULL,
    company_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    -- The ids of its files at file-service, separated by spaces; more than one where two runs have worked at once.
    file_ids TEXT NOT NULL,
    order_count BIGINT NOT NULL,
    -- The sum per currency, as JSON.
    sums TEXT NOT NULL,
    opened_at TIMESTAMP NOT NULL,
    PRIMARY KEY (paid_on, company_id, number)
);
