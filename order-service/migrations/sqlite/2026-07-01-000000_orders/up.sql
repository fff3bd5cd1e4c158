-- The catalogue, one for all companies: everybody may see every name. The list price is what is asked of whoever has
-- no price of its own. A product made by an import has none: what its first buyer paid is that company's affair.
CREATE TABLE products (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    unit_price_minor BIGINT CHECK (unit_price_minor >= 0),
    currency TEXT,
    created_at TIMESTAMP NOT NULL,
    CHECK ((unit_price_minor IS NULL) = (currency IS NULL))
);

-- What a company pays; nobody else's business.
CREATE TABLE company_prices (
    company_id BIGINT NOT NULL,
    product_id BIGINT NOT NULL REFERENCES products (id),
    unit_price_minor BIGINT NOT NULL CHECK (unit_price_minor >= 0),
    currency TEXT NOT NULL,
    PRIMARY KEY (company_id, product_id)
);

CREATE TABLE orders (
    id TEXT PRIMARY KEY NOT NULL,
    company_id BIGINT NOT NULL CHECK (company_id > 0),
    user_id BIGINT NOT NULL CHECK (user_id > 0),
    order_no TEXT NOT NULL,
    status TEXT NOT NULL,
    total_minor BIGINT NOT NULL CHECK (total_minor >= 0),
    currency TEXT NOT NULL,
    paid_at TIMESTAMP,
    settled_at TIMESTAMP,
    settlement_id TEXT,
    -- The Idempotency-Key of the request that settled it: the same request again is answered as the first time.
    settle_key TEXT,
    version INTEGER NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (company_id, order_no)
);
CREATE INDEX orders_by_company ON orders (company_id, id);
CREATE INDEX orders_by_payment ON orders (paid_at, company_id);
CREATE INDEX orders_by_settlement ON orders (company_id, settlement_id);

CREATE TABLE order_items (
    order_id TEXT NOT NULL REFERENCES orders (id),
    line INTEGER NOT NULL,
    product_id BIGINT NOT NULL REFERENCES products (id),
    product_name TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price_minor BIGINT NOT NULL CHECK (unit_price_minor >= 0),
    PRIMARY KEY (order_id, line)
);

-- Written in the transaction of the order that the request placed: there is never one without the other.
CREATE TABLE idempotency_keys (
    company_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    order_id TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (company_id, key)
);
