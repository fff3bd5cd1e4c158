//! What is in the database: half a million orders of one company, and the same columns for `pgbench`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

use crate::harness::Failure;
use crate::pgbench::Pgbench;

pub const COMPANY: i64 = 100;
pub const PRODUCT: i64 = 1;
/// Orders of a page.
pub const PAGE: usize = 50;
/// Page 10,000 begins after so many.
const BEFORE_FAR: usize = 9_999 * PAGE;
const ORDERS: usize = 10_000 * PAGE;

/// The id of an order, by its number: in the order of time, as ours are.
pub fn id(number: usize) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

/// Where page 10,000 begins.
pub fn far_cursor() -> String {
    format!("&cursor={}", URL_SAFE_NO_PAD.encode(id(BEFORE_FAR)))
}

const ID: &str = "'01900000-0000-7000-8000-' || lpad(number::text, 12, '0')";

/// A product with a price, and the orders.
pub async fn fill(database_url: &str) -> Result<(), Failure> {
    let mut connection = AsyncPgConnection::establish(database_url).await?;
    let filled = format!(
        "SET baton.company_id = '{COMPANY}';
         INSERT INTO products (id, name, unit_price_minor, currency, created_at) VALUES ({PRODUCT}, 'pen', 150, 'KRW', now());
         INSERT INTO orders (id, company_id, user_id, order_no, status, total_minor, currency, version, created_at)
             SELECT {ID}, {COMPANY}, number % 100 + 1, number, 'PENDING', 450, 'KRW', 1, now() FROM generate_series(1, {ORDERS}) AS number;
         INSERT INTO order_items (order_id, line, company_id, product_id, product_name, quantity, unit_price_minor)
             SELECT {ID}, 1, {COMPANY}, {PRODUCT}, 'pen', 3, 150 FROM generate_series(1, {ORDERS}) AS number;
         ANALYZE orders, order_items;"
    );
    Ok(connection.batch_execute(&filled).await?)
}

/// An insert of an order with one line, and a select of one by its id: in tables of the same columns and indexes, without
/// policies.
pub async fn pgbench(database_url: &str) -> Result<(Pgbench, Pgbench), Failure> {
    let mut connection = AsyncPgConnection::establish(database_url).await?;
    let tables = format!(
        "CREATE TABLE bench_orders (LIKE orders INCLUDING ALL);
         CREATE TABLE bench_items (LIKE order_items INCLUDING ALL);
         SET baton.company_id = '{COMPANY}';
         INSERT INTO bench_orders SELECT * FROM orders WHERE id <= '{last}';
         INSERT INTO bench_items SELECT * FROM order_items WHERE order_id <= '{last}';
         ANALYZE bench_orders, bench_items;",
        last = id(1_000)
    );
    connection.batch_execute(&tables).await?;
    let insert = format!(
        r"\set a random(1, 9000000000000000000)
BEGIN;
INSERT INTO bench_orders (id, company_id, user_id, order_no, status, total_minor, currency, version, created_at)
    VALUES (lpad(:a::text, 36, '0'), {COMPANY}, 200, lpad(:a::text, 36, '0'), 'PENDING', 450, 'KRW', 1, now());
INSERT INTO bench_items (order_id, line, company_id, product_id, product_name, quantity, unit_price_minor)
    VALUES (lpad(:a::text, 36, '0'), 1, {COMPANY}, {PRODUCT}, 'pen', 3, 150);
COMMIT;
"
    );
    let select = format!(
        r"\set number random(1, 1000)
SELECT * FROM bench_orders JOIN bench_items ON order_id = id
    WHERE bench_orders.company_id = {COMPANY} AND id = '01900000-0000-7000-8000-' || lpad(:number::text, 12, '0') ORDER BY line;
"
    );
    Ok((Pgbench::new(database_url, &insert)?, Pgbench::new(database_url, &select)?))
}
