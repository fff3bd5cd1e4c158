//! Exchanges that come at once are made by one statement.

use std::collections::HashSet;

use async_trait::async_trait;
use diesel::sql_types::{Array, BigInt, Binary, Text, Timestamp};
use diesel::{QueryableByName, sql_query};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::db::DbError;
use shared::db::together::{Answering, Gathering, Together};
use shared::with_pooled;
use tracing::warn;

use crate::domain::login::Login;
use crate::login_store::Exchange;

const GATHERING: Gathering = Gathering { at_once: 64, under_way: 2, waiting: 1_024 };

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

/// An exchange that is asked for.
pub(super) struct Asked {
    login: Login,
    exchange: Exchange,
}

pub(super) struct Exchanging(Pool<AsyncPgConnection>);

/// Whether it was made.
pub(super) type Exchanges = Together<Exchanging>;

pub(super) fn start(pool: &Pool<AsyncPgConnection>) -> Exchanges {
    Together::start(Exchanging(pool.clone()), GATHERING)
}

/// None: it has to be tried alone.
pub(super) async fn exchange(
    together: &Exchanges,
    login: &Login,
    exchange: &Exchange,
) -> Option<bool> {
    together.ask(Asked { login: login.clone(), exchange: exchange.clone() }).await
}

#[async_trait]
impl Answering for Exchanging {
    type Question = Asked;
    type Answer = bool;

    async fn answer(&self, asked: &[Asked]) -> Vec<Option<bool>> {
        match exchange_all(&self.0, asked).await {
            Ok(made) => {
                let made = |own: &Asked| Some(made.contains(own.exchange.next.as_str()));
                asked.iter().map(made).collect()
            }
            Err(cause) => {
                let count = asked.len();
                warn!(%cause, count, "could not exchange many at once: trying one by one");
                Vec::new()
            }
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
