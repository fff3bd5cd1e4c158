//! Many handoffs, as rows; and the baseline: a use as one statement, for rows like those.

use auth_service::domain::client::Client;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

use crate::harness::Failure;
use crate::pgbench::Pgbench;

/// So many.
pub const ROWS: usize = 100_000;

/// Its id is made of its number: a name is its SHA-256.
pub fn id(number: usize) -> String {
    format!("ho_{number:043}")
}

/// The same client, which may also ask for tokens of its own.
pub fn with_tokens(client: Client) -> Client {
    Client {
        scopes: "order:read".parse().expect("a scope"),
        audiences: ["order-service".to_owned()].into(),
        ..client
    }
}

/// The name of a row's handoff, in SQL.
const NAME: &str = "translate(rtrim(encode(sha256(('ho_' || lpad(number::text, 43, '0'))::bytea), 'base64'), '='), '+/', '-_')";

/// Good for a hundred uses each, and for a day; each of a login of its own, which is looked at with each use.
pub async fn store(connection: &mut AsyncPgConnection) -> Result<(), Failure> {
    let insert = format!(
        "INSERT INTO handoffs (name, purpose, handed_on_by, executor, audiences, scope, sub, user_id, session, root_sid, root_began_s,
             act, credentials_version, max_uses, created_at, not_before_s, not_after_s, outlives_logout, uses, redemptions)
         SELECT {NAME}, 'nightly', 'shop', 'worker', '[\"order-service\",\"file-service\"]', 'order:read file:write', number::text,
             number, '{{\"companyId\":100,\"userId\":' || number || '}}', gen_random_uuid()::text, extract(epoch FROM now())::bigint,
             '{{\"sub\":\"shop\",\"act\":{{\"sub\":\"account\"}}}}', 0, 100, now(), 0, extract(epoch FROM now())::bigint + 86400, false, 0, ''
         FROM generate_series(1, {ROWS}) AS number;
         INSERT INTO logins (sid, user_id, session, provider, user_agent, address, credentials_version, began_at, auth_time_s, used_at,
             ends_at, idle_until, generation, token_hash)
         SELECT root_sid, user_id, session, 'LOCAL', '', '', 0, now(), root_began_s, now(), now() + interval '90 days',
             now() + interval '14 days', 1, ''
         FROM handoffs;
         ANALYZE handoffs, logins;"
    );
    Ok(connection.batch_execute(&insert).await?)
}

/// The same rows in a table of the same columns, indexes and storage.
pub async fn pgbench(database_url: &str) -> Result<Pgbench, Failure> {
    let mut connection = AsyncPgConnection::establish(database_url).await?;
    let table = "CREATE TABLE bench (LIKE handoffs INCLUDING ALL) WITH (fillfactor = 50);
         INSERT INTO bench SELECT * FROM handoffs;
         ANALYZE bench;";
    connection.batch_execute(table).await?;
    Pgbench::new(database_url, &statement())
}

/// What auth-service does, with keys that pgbench can make.
fn statement() -> String {
    format!(
        r"\set number random(1, {ROWS})
\set key random(1, 1000000000)
UPDATE bench SET uses = uses + 1, redemptions = redemptions || md5(:key::text) || ':' || 1900000000 || ' ', last_used_at = now()
WHERE name = (SELECT {NAME} FROM (SELECT :number::int AS number) AS own) AND executor = 'worker' AND ended_by IS NULL
    AND uses < max_uses AND not_before_s <= 1900000000 AND not_after_s > 0
    AND redemptions NOT LIKE '%' || md5(:key::text) || '%';
"
    )
}
