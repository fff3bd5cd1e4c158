//! [`RedisLogins`]: logins in Redis alone. What it loses is logged out, and what it brings back from an older copy of itself is
//! not believed: each change raises a number there that we remember, and one that has gone back ends the era, with all logins
//! of it.

mod scripts;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use deadpool::managed::Object;
use deadpool_redis::redis::{FromRedisValue, RedisError, Script, ScriptInvocation};
use shared::cache::{Connector, RedisPool};
use shared::{Timestamp, UserId};
use tokio::sync::Mutex;
use tracing::{error, warn};
use uuid::Uuid;

use crate::domain::login::{EndedBy, Line, Login, Parent};
use crate::error::AccountError;
use crate::login_store::{Exchange, Which};
use crate::repository::eras::{Era, EraRepository};
use crate::repository::logins::LoginRepository;
use scripts::Scripts;

/// How long Redis may take. It is the truth here, so it gets more time than a cache.
const TIMEOUT: Duration = Duration::from_secs(1);
/// What a script says when the number has gone back.
const WENT_BACK: &str = "WENT_BACK";
/// What it says when somebody has begun a later era.
const NEW_ERA: &str = "NEW_ERA";
/// Which era it is, for those who have not noticed.
const ERA_KEY: &str = "baton:logins:era";
/// Eras that may begin while one thing is done.
const TRIES: usize = 3;

pub(crate) struct RedisLogins {
    pool: RedisPool,
    scripts: Scripts,
    eras: EraRepository,
    /// For the revocations of what has ended.
    database: LoginRepository,
    epoch: ArcSwap<Epoch>,
    /// Held while an era begins: of many who notice, one begins it.
    beginning: Mutex<()>,
    /// How long a login may last, in seconds.
    max_s: u32,
}

/// An era, and how far it has come.
struct Epoch {
    era: i64,
    /// The greatest number of changes that was seen in it.
    seen: AtomicI64,
}

impl From<Era> for Epoch {
    fn from(Era { era, counted }: Era) -> Self {
        Self { era, seen: AtomicI64::new(counted) }
    }
}

impl Epoch {
    fn key(&self, rest: &str) -> String {
        format!("baton:logins:{}:{rest}", self.era)
    }

    fn login_key(&self, sid: Uuid) -> String {
        self.key(&format!("login:{sid}"))
    }

    fn user_key(&self, user: UserId) -> String {
        self.key(&format!("user:{user}"))
    }

    /// Which credentials of the user are good.
    fn version_key(&self, user: UserId) -> String {
        self.key(&format!("version:{user}"))
    }
}

impl RedisLogins {
    /// The logins at this Redis.
    pub(crate) async fn open(
        (connector, max_s): (Connector, u32),
        eras: EraRepository,
        database: LoginRepository,
    ) -> Result<Self, AccountError> {
        let pool =
            connector.pool(TIMEOUT).map_err(|error| AccountError::Redis(error.to_string()))?;
        let epoch = ArcSwap::from_pointee(Epoch::from(eras.find().await?));
        let (scripts, beginning) = (Scripts::new(), Mutex::default());
        Ok(Self { pool, scripts, eras, database, epoch, beginning, max_s })
    }

    /// Runs a script whose first keys and arguments say how far it has come there, and here. When it has gone back, the
    /// next era begins, and the script runs once more: there is nothing in it.
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        prepare: impl Fn(&Epoch, &mut ScriptInvocation<'_>),
    ) -> Result<T, AccountError> {
        for _ in 0..TRIES {
            let epoch = self.epoch.load_full();
            let mut invocation = script.key(epoch.key("changes"));
            invocation.key(ERA_KEY).arg(epoch.seen.load(Ordering::Acquire)).arg(epoch.era);
            prepare(&epoch, &mut invocation);
            let asked: Result<(i64, T), RedisError> = self.ask(&invocation).await?;
            match asked {
                Ok((counted, answer)) => {
                    epoch.seen.fetch_max(counted, Ordering::AcqRel);
                    return Ok(answer);
                }
                Err(error) if error.code() == Some(WENT_BACK) => {
                    self.begin_after(epoch.era).await?
                }
                Err(error) if error.code() == Some(NEW_ERA) => self.follow().await?,
                Err(error) => return Err(AccountError::Redis(error.to_string())),
            }
        }
        Err(AccountError::Redis("one era follows the other".to_owned()))
    }

    /// A connection on which something failed is not used again.
    async fn ask<T: FromRedisValue>(
        &self,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<Result<T, RedisError>, AccountError> {
        let away = |cause: String| AccountError::Redis(cause);
        let is_word = |error: &RedisError| matches!(error.code(), Some(WENT_BACK | NEW_ERA));
        let exchange = async {
            let connection = self.pool.get().await;
            let mut connection = connection.map_err(|error| away(error.to_string()))?;
            let answer = invocation.invoke_async(&mut *connection).await;
            if answer.as_ref().is_err_and(|error| !is_word(error)) {
                drop(Object::take(connection));
            }
            Ok(answer)
        };
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        answer.unwrap_or_else(|_| Err(away("no answer within a second".to_owned())))
    }

    /// Ends this era, if nobody has yet, and says so to the others.
    async fn begin_after(&self, old: i64) -> Result<(), AccountError> {
        let _beginning = self.beginning.lock().await;
        if self.epoch.load().era > old {
            return Ok(());
        }
        let next = self.eras.begin_after(old).await?;
        error!(
            era = next.era,
            "Redis has lost changes, or was put back to an older copy: the logins in it are not believed any more"
        );
        let mut announcement = self.scripts.announce.key(ERA_KEY);
        announcement.arg(next.era);
        // Those who do not hear of it read it in the database within a second.
        if let Err(error) = self.ask::<i64>(&announcement).await {
            warn!(cause = %error, "could not tell the others of a new era");
        }
        self.epoch.store(Arc::new(next.into()));
        Ok(())
    }

    /// Takes over how far the others have come.
    async fn follow(&self) -> Result<(), AccountError> {
        let written = self.eras.find().await?;
        let _beginning = self.beginning.lock().await;
        let epoch = self.epoch.load_full();
        if written.era > epoch.era {
            self.epoch.store(Arc::new(written.into()));
        } else if written.era == epoch.era {
            epoch.seen.fetch_max(written.counted, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Writes down how far Redis has come, and reads how far the others have seen it come.
    pub(crate) async fn remember(&self) -> Result<(), AccountError> {
        let epoch = self.epoch.load_full();
        self.eras.count(epoch.era, epoch.seen.load(Ordering::Acquire)).await?;
        self.follow().await
    }

    pub(super) async fn insert(
        &self,
        login: &Login,
        max: u32,
    ) -> Result<Option<Vec<Uuid>>, AccountError> {
        let (text, user) = (state::write(login), login.user_id);
        let prepare = |epoch: &Epoch, invocation: &mut ScriptInvocation<'_>| {
            invocation.key(epoch.login_key(login.sid)).key(epoch.user_key(user));
            invocation.key(epoch.version_key(user)).arg(login.sid.to_string());
            invocation.arg(login.line.token_hash.as_str()).arg(&text);
            invocation.arg(login.began_at.timestamp_millis());
            invocation.arg(login.idle_until.min(login.ends_at).timestamp_millis());
            invocation.arg(login.ends_at.timestamp_millis()).arg(max.max(1));
            invocation.arg(epoch.key("login:")).arg(login.credentials_version);
        };
        let beyond: Option<Vec<String>> = self.run(&self.scripts.insert, prepare).await?;
        let Some(beyond) = beyond else { return Ok(None) };
        let ended: Vec<Uuid> = beyond.iter().filter_map(|sid| sid.parse().ok()).collect();
        if !ended.is_empty() {
            self.database.revoke((&ended, None), (EndedBy::TooMany, login.began_at)).await?;
            self.remove(user, &ended).await?;
        }
        Ok(Some(ended))
    }

    pub(super) async fn find(&self, sid: Uuid) -> Result<Option<Login>, AccountError> {
        let text: Option<String> = self
            .run(&self.scripts.find, |epoch, invocation| {
                invocation.key(epoch.login_key(sid));
            })
            .await?;
        Ok(text.and_then(|text| state::read(sid, &text)))
    }

    pub(super) async fn exchange(
        &self,
        login: &Login,
        exchange: &Exchange,
    ) -> Result<bool, AccountError> {
        let next = exchanged(login, exchange);
        let text = state::write(&next);
        let done: i64 = self
            .run(&self.scripts.exchange, |epoch, invocation| {
                invocation.key(epoch.login_key(exchange.sid));
                invocation.arg(exchange.used.as_str()).arg(exchange.next.as_str()).arg(&text);
                invocation.arg(next.idle_until.min(next.ends_at).timestamp_millis());
            })
            .await?;
        Ok(done == 1)
    }

    pub(super) async fn list(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Login>, AccountError> {
        let sids: Vec<String> = self
            .run(&self.scripts.list, |epoch, invocation| {
                invocation.key(epoch.user_key(user));
            })
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
        why: (EndedBy, Timestamp),
    ) -> Result<Vec<Uuid>, AccountError> {
        if let Some(version) = which.older_than {
            self.raise_version(which.user, version).await?;
        }
        let logins = self.list(which.user, why.1).await?;
        let ended: Vec<Uuid> =
            logins.iter().filter(|login| which.takes(login)).map(|login| login.sid).collect();
        let older_than = which.older_than.map(|version| (which.user, version));
        self.database.revoke((&ended, older_than), why).await?;
        self.remove(which.user, &ended).await?;
        Ok(ended)
    }

    async fn raise_version(&self, user: UserId, version: i64) -> Result<(), AccountError> {
        let ttl_ms = i64::from(self.max_s) * 1000;
        let _: i64 = self
            .run(&self.scripts.raise_version, |epoch, invocation| {
                invocation.key(epoch.version_key(user)).arg(version).arg(ttl_ms);
            })
            .await?;
        Ok(())
    }

    async fn remove(&self, user: UserId, sids: &[Uuid]) -> Result<(), AccountError> {
        for sid in sids {
            let _: i64 = self
                .run(&self.scripts.remove, |epoch, invocation| {
                    invocation.key(epoch.login_key(*sid)).key(epoch.user_key(user));
                    invocation.arg(sid.to_string());
                })
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
