//! [`Together`]: exchanges that come at once are made by one statement. PostgreSQL has the same work for each commit and each
//! message, however much is in it.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::sql_types::{Array, BigInt, Binary, Text, Timestamp};
use diesel::{QueryableByName, sql_query};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::db::DbError;
use shared::with_pooled;
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::warn;

use crate::domain::login::Login;
use crate::login_store::Exchange;

/// Exchanges in one statement, at the most.
const AT_ONCE: usize = 64;
/// Statements under way: while one is committed the next one gathers.
const STATEMENTS: usize = 2;
/// Exchanges that wait, at the most; those who come then wait to wait.
const WAITING: usize = 1_024;

/// Each row that still has the token that is named gets the next one; of several for one row one is made.
const EXCHANGE: &str = "
UPDATE logins SET generation = logins.generation + 1, parent_hash = logins.token_hash, token_hash = next.token_hash,
    exchanged_at = next.now, sealed_pair = next.pair, used_at = next.now, idle_until = next.idle_until,
    user_agent = next.user_agent, address = next.address
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS next(sid, used, token_hash, session, user_agent,
    address, generation, user_id, auth_time_s, now, idle_until, ends_at, pair)
WHERE logins.sid = next.sid AND logins.token_hash = next.used AND logins.generation = next.generation
    AND logins.user_id = next.user_id AND logins.session = next.session AND logins.auth_time_s = next.auth_time_s
    AND logins.ends_at = next.ends_at AND logins.ended_by IS NULL
    AND logins.idle_until > next.now AND logins.ends_at > next.now
RETURNING logins.token_hash";

/// What is asked, and where the answer goes.
struct Asked {
    login: Login,
    exchange: Exchange,
    answer: oneshot::Sender<Answer>,
}

/// Whether it was made; None when the statement failed, and each has to be tried by itself.
type Answer = Option<bool>;

/// Takes exchanges in. The tasks behind it end when the last one is dropped.
#[derive(Clone, Debug)]
pub(super) struct Together(mpsc::Sender<Asked>);

impl Together {
    pub(super) fn start(pool: &Pool<AsyncPgConnection>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..STATEMENTS {
            tokio::spawn(work(pool.clone(), Arc::clone(&receiver)));
        }
        Self(sender)
    }

    /// None: it has to be tried alone.
    pub(super) async fn exchange(&self, login: &Login, exchange: &Exchange) -> Answer {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { login: login.clone(), exchange: exchange.clone(), answer };
        self.0.send(asked).await.ok()?;
        answered.await.ok().flatten()
    }
}

async fn work(pool: Pool<AsyncPgConnection>, receiver: Arc<Mutex<mpsc::Receiver<Asked>>>) {
    let mut asked = Vec::with_capacity(AT_ONCE);
    loop {
        if receiver.lock().await.recv_many(&mut asked, AT_ONCE).await == 0 {
            return;
        }
        let made = exchange_all(&pool, &asked).await;
        if let Err(cause) = &made {
            warn!(%cause, count = asked.len(), "could not exchange many at once: trying one by one");
        }
        for Asked { exchange, answer, .. } in asked.drain(..) {
            let made = made.as_ref().ok().map(|made| made.contains(exchange.next.as_str()));
            // Whoever asked may have given up.
            let _ = answer.send(made);
        }
    }
}

#[derive(QueryableByName)]
struct Made {
    #[diesel(sql_type = Text)]
    token_hash: String,
}

/// The tokens that are good now.
async fn exchange_all(
    pool: &Pool<AsyncPgConnection>,
    asked: &[Asked],
) -> Result<HashSet<String>, DbError> {
    let texts = |of: fn(&Asked) -> String| asked.iter().map(of).collect::<Vec<_>>();
    let numbers = |of: fn(&Asked) -> i64| asked.iter().map(of).collect::<Vec<_>>();
    let times = |of: fn(&Asked) -> shared::Timestamp| {
        asked.iter().map(|own| of(own).naive_utc()).collect::<Vec<_>>()
    };
    let pairs: Vec<&[u8]> = asked.iter().map(|own| own.exchange.pair.as_bytes()).collect();
    let query = sql_query(EXCHANGE)
        .bind::<Array<Text>, _>(texts(|own| own.exchange.sid.to_string()))
        .bind::<Array<Text>, _>(texts(|own| own.exchange.used.as_str().to_owned()))
        .bind::<Array<Text>, _>(texts(|own| own.exchange.next.as_str().to_owned()))
        .bind::<Array<Text>, _>(texts(|own| own.login.session.as_json().to_owned()))
        .bind::<Array<Text>, _>(texts(|own| own.exchange.device.user_agent.clone()))
        .bind::<Array<Text>, _>(texts(|own| own.exchange.device.address.clone()))
        .bind::<Array<BigInt>, _>(numbers(|own| own.exchange.generation.into()))
        .bind::<Array<BigInt>, _>(numbers(|own| own.login.user_id.get()))
        .bind::<Array<BigInt>, _>(numbers(|own| own.login.auth_time_s))
        .bind::<Array<Timestamp>, _>(times(|own| own.exchange.now))
        .bind::<Array<Timestamp>, _>(times(|own| own.exchange.idle_until))
        .bind::<Array<Timestamp>, _>(times(|own| own.login.ends_at))
        .bind::<Array<Binary>, _>(pairs);
    let made: Vec<Made> = with_pooled!(pool, |conn| query.load(conn).await)?;
    Ok(made.into_iter().map(|made| made.token_hash).collect())
}
