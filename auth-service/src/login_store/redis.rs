//! [`RedisLogins`]: logins in Redis alone. What it loses is logged out, and what it brings back from an older copy of itself is
//! not believed: each change raises a number there that we remember, and one that has gone back ends the era, with all logins
//! of it.

mod scripts;
mod state;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{FromRedisValue, RedisError, ScriptInvocation};
use deadpool_redis::{Config, Connection, Pool, PoolConfig, Runtime, Timeouts};
use shared::{Timestamp, UserId};
use tracing::error;
use uuid::Uuid;

use crate::domain::login::{EndedBy, Line, Login, Parent};
use crate::error::AccountError;
use crate::login_store::{Exchange, Which};
use crate::repository::eras::{Era, EraRepository};
use crate::repository::logins::LoginRepository;
use scripts::Scripts;

/// How long Redis may take. It is the truth here, so it gets more time than a cache.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The number that has gone back, in the answer of a script.
const WENT_BACK: &str = "WENT_BACK";

pub(crate) struct RedisLogins {
    pool: Pool,
    scripts: Scripts,
    eras: EraRepository,
    /// For the revocations of what has ended.
    database: LoginRepository,
    era: AtomicI64,
    /// The greatest number that was seen in this era.
    seen: AtomicI64,
}

impl RedisLogins {
    /// The logins at `redis://host:port`.
    pub(crate) async fn open(
        url: &str,
        eras: EraRepository,
        database: LoginRepository,
    ) -> Result<Self, AccountError> {
        let mut config = Config::from_url(url);
        let timeouts =
            Timeouts { wait: Some(TIMEOUT), create: Some(TIMEOUT), recycle: Some(TIMEOUT) };
        config.pool = Some(PoolConfig { timeouts, ..PoolConfig::default() });
        let pool = config.create_pool(Some(Runtime::Tokio1));
        let pool = pool.map_err(|error| AccountError::Redis(error.to_string()))?;
        let Era { era, counted } = eras.find().await?;
        let (era, seen) = (AtomicI64::new(era), AtomicI64::new(counted));
        Ok(Self { pool, scripts: Scripts::new(), eras, database, era, seen })
    }

    fn key(&self, rest: &str) -> String {
        format!("baton:logins:{}:{rest}", self.era.load(Ordering::Acquire))
    }

    fn login_key(&self, sid: Uuid) -> String {
        self.key(&format!("login:{sid}"))
    }

    fn user_key(&self, user: UserId) -> String {
        self.key(&format!("user:{user}"))
    }

    /// Runs a script whose first key and argument are the number of changes there and here. When it has gone back, the next
    /// era begins, and the script runs once more: there is nothing in it.
    async fn run<T: FromRedisValue>(
        &self,
        prepare: impl Fn(&Self, &mut ScriptInvocation<'_>),
        script: &deadpool_redis::redis::Script,
    ) -> Result<T, AccountError> {
        for _ in 0..2 {
            let mut invocation = script.key(self.key("changes"));
            invocation.arg(self.seen.load(Ordering::Acquire));
            prepare(self, &mut invocation);
            let asked: Result<(i64, T), RedisError> = self.ask(&invocation).await?;
            match asked {
                Ok((counted, answer)) => {
                    self.seen.fetch_max(counted, Ordering::AcqRel);
                    return Ok(answer);
                }
                Err(error) if error.code() == Some(WENT_BACK) => self.begin_era().await?,
                Err(error) => return Err(AccountError::Redis(error.to_string())),
            }
        }
        Err(AccountError::Redis("the number of changes goes back again and again".to_owned()))
    }

    /// A connection on which something failed is not used again.
    async fn ask<T: FromRedisValue>(
        &self,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<Result<T, RedisError>, AccountError> {
        let away = |cause: String| AccountError::Redis(cause);
        let exchange = async {
            let connection = self.pool.get().await;
            let mut connection = connection.map_err(|error| away(error.to_string()))?;
            let answer = invocation.invoke_async(&mut connection).await;
            if answer.as_ref().is_err_and(|error: &RedisError| error.code() != Some(WENT_BACK)) {
                drop(Connection::take(connection));
            }
            Ok(answer)
        };
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        answer.unwrap_or_else(|_| Err(away("no answer within a second".to_owned())))
    }

    async fn begin_era(&self) -> Result<(), AccountError> {
        let old = self.era.load(Ordering::Acquire);
        let Era { era, counted } = self.eras.begin_after(old).await?;
        error!(
            era,
            "Redis has lost changes, or was put back to an older copy: the logins in it are not believed any more"
        );
        self.seen.store(counted, Ordering::Release);
        self.era.store(era, Ordering::Release);
        Ok(())
    }

    /// Writes down how far Redis has come, for those who start later.
    pub(crate) async fn remember(&self) -> Result<(), AccountError> {
        let era = self.era.load(Ordering::Acquire);
        Ok(self.eras.count(era, self.seen.load(Ordering::Acquire)).await?)
    }

    pub(super) async fn insert(&self, login: &Login, max: u32) -> Result<Vec<Uuid>, AccountError> {
        let text = state::write(login);
        let ended: Vec<String> = self
            .run(
                |own, invocation| {
                    invocation.key(own.login_key(login.sid)).key(own.user_key(login.user_id));
                    invocation.arg(login.sid.to_string()).arg(login.line.token_hash.as_str());
                    invocation.arg(&text).arg(login.began_at.timestamp_millis());
                    invocation.arg(login.idle_until.min(login.ends_at).timestamp_millis());
                    invocation.arg(login.ends_at.timestamp_millis()).arg(max.max(1));
                    invocation.arg(own.key("login:"));
                },
                &self.scripts.insert,
            )
            .await?;
        let ended: Vec<Uuid> = ended.iter().filter_map(|sid| sid.parse().ok()).collect();
        if !ended.is_empty() {
            self.database.revoke(&ended, login.began_at).await?;
            self.remove(login.user_id, &ended).await?;
        }
        Ok(ended)
    }

    pub(super) async fn find(&self, sid: Uuid) -> Result<Option<Login>, AccountError> {
        let text: Option<String> = self
            .run(
                |own, invocation| {
                    invocation.key(own.login_key(sid));
                },
                &self.scripts.find,
            )
            .await?;
        Ok(text.and_then(|text| state::read(sid, &text)))
    }

    pub(super) async fn exchange(&self, exchange: &Exchange) -> Result<bool, AccountError> {
        let Some(login) = self.find(exchange.sid).await? else { return Ok(false) };
        let next = exchanged(&login, exchange);
        let text = state::write(&next);
        let done: i64 = self
            .run(
                |own, invocation| {
                    invocation.key(own.login_key(exchange.sid));
                    invocation.arg(exchange.used.as_str()).arg(exchange.next.as_str()).arg(&text);
                    invocation.arg(next.idle_until.min(next.ends_at).timestamp_millis());
                },
                &self.scripts.exchange,
            )
            .await?;
        Ok(done == 1)
    }

    pub(super) async fn list(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Login>, AccountError> {
        let sids: Vec<String> = self
            .run(
                |own, invocation| {
                    invocation.key(own.user_key(user));
                },
                &self.scripts.list,
            )
            .await?;
        let mut logins = Vec::with_capacity(sids.len());
        for sid in sids.iter().filter_map(|sid| sid.parse().ok()) {
            logins.extend(self.find(sid).await?.filter(|login| login.is_live_at(now)));
        }
        logins.sort_by_key(|login| std::cmp::Reverse((login.used_at, login.sid)));
        Ok(logins)
    }

    /// Revoked first: what is answered 503 after that has ended at the services, and may be ended again.
    pub(super) async fn end(
        &self,
        which: &Which,
        (_, now): (EndedBy, Timestamp),
    ) -> Result<Vec<Uuid>, AccountError> {
        let logins = self.list(which.user, now).await?;
        let ended: Vec<Uuid> =
            logins.iter().filter(|login| which.takes(login)).map(|login| login.sid).collect();
        self.database.revoke(&ended, now).await?;
        self.remove(which.user, &ended).await?;
        Ok(ended)
    }

    async fn remove(&self, user: UserId, sids: &[Uuid]) -> Result<(), AccountError> {
        for sid in sids {
            let _: i64 = self
                .run(
                    |own, invocation| {
                        invocation.key(own.login_key(*sid)).key(own.user_key(user));
                        invocation.arg(sid.to_string());
                    },
                    &self.scripts.remove,
                )
                .await?;
        }
        Ok(())
    }
}

fn exchanged(login: &Login, exchange: &Exchange) -> Login {
    let parent = Parent {
        token_hash: exchange.used.clone(),
        exchanged_at: exchange.now,
        pair: Some(exchange.pair.clone()),
    };
    let (generation, token_hash) = (exchange.generation + 1, exchange.next.clone());
    Login {
        device: exchange.device.clone(),
        used_at: exchange.now,
        idle_until: exchange.idle_until,
        line: Line { generation, token_hash, parent: Some(parent) },
        ..login.clone()
    }
}
