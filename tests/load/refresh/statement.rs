//! The baseline: a renewal as one statement, for rows like those of auth-service.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

use crate::harness::Failure;
use crate::pgbench::Pgbench;

/// As long as an access token and a refresh token that are sealed.
const PAIR_BYTES: usize = 1_000;

/// So many rows, in a table of the same columns, indexes and storage as that of the logins.
pub async fn pgbench(database_url: &str, rows: usize) -> Result<Pgbench, Failure> {
    let mut connection = AsyncPgConnection::establish(database_url).await?;
    let table = format!(
        "CREATE TABLE bench (LIKE logins INCLUDING ALL) WITH (fillfactor = 50);
         INSERT INTO bench (sid, user_id, session, provider, user_agent, address, credentials_version, began_at, auth_time_s, used_at, ends_at,
             idle_until, generation, token_hash)
         SELECT number::text || '-0000-7000-8000-000000000000', number,
             '{{\"companyId\":100,\"userId\":200}}', 'LOCAL', 'bench', '127.0.0.1', 0, now(), 0, now(),
             now() + interval '90 days', now() + interval '14 days', 0,
             md5(number::text || '-0000-7000-8000-0000000000000')
         FROM generate_series(1, {rows}) AS number;"
    );
    connection.batch_execute(&table).await?;
    Pgbench::new(database_url, &statement(rows))
}

/// What auth-service does, with hashes that pgbench can know.
fn statement(rows: usize) -> String {
    let pair = "ab".repeat(PAIR_BYTES);
    format!(
        r"\set number random(1, {rows})
UPDATE bench SET generation = generation + 1, token_hash = md5(sid || (generation + 1)), parent_hash = token_hash,
    exchanged_at = now(), sealed_pair = '\x{pair}', used_at = now(), idle_until = now() + interval '14 days',
    user_agent = 'bench', address = '127.0.0.1'
WHERE sid = :number::text || '-0000-7000-8000-000000000000' AND token_hash = md5(sid || generation)
    AND ended_by IS NULL AND idle_until > now() AND ends_at > now();
"
    )
}
