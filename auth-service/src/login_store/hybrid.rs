//! [`Hybrid`]: logins in the database, with a copy in Redis that is read first. The copy is never believed against the
//! database: an exchange happens there, or not at all.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::cache::Cache;
use shared::{Session, Timestamp, UserId};
use tracing::warn;
use uuid::Uuid;

use crate::domain::login::{Device, EndedBy, Line, Login};
use crate::domain::person::Provider;
use crate::domain::refresh_token::TokenHash;
use crate::error::AccountError;
use crate::login_store::{Exchange, Which};
use crate::repository::logins::LoginRepository;

/// A copy that nobody asks for goes; the next one who does finds the login in the database.
const COPY_TTL: Duration = Duration::from_secs(24 * 3600);

pub(crate) struct Hybrid {
    database: LoginRepository,
    cache: Cache,
}

/// What is needed of a login to exchange its token.
#[derive(Serialize, Deserialize)]
struct Copy {
    user_id: UserId,
    session: String,
    provider: Provider,
    credentials_version: i64,
    began_at: Timestamp,
    auth_time_s: i64,
    ends_at: Timestamp,
    idle_until: Timestamp,
    generation: u32,
    token_hash: String,
}

impl Copy {
    fn of(login: &Login) -> Self {
        Self {
            user_id: login.user_id,
            session: login.session.as_json().to_owned(),
            provider: login.provider,
            credentials_version: login.credentials_version,
            began_at: login.began_at,
            auth_time_s: login.auth_time_s,
            ends_at: login.ends_at,
            idle_until: login.idle_until,
            generation: login.line.generation,
            token_hash: login.line.token_hash.as_str().to_owned(),
        }
    }

    /// None: the copy is not one of ours.
    fn login(self, sid: Uuid) -> Option<Login> {
        let token_hash = TokenHash::stored(self.token_hash);
        Some(Login {
            sid,
            user_id: self.user_id,
            session: Session::parse(&self.session).ok()?,
            provider: self.provider,
            device: Device::new("", String::new()),
            credentials_version: self.credentials_version,
            began_at: self.began_at,
            auth_time_s: self.auth_time_s,
            used_at: self.began_at,
            ends_at: self.ends_at,
            idle_until: self.idle_until,
            line: Line { generation: self.generation, token_hash, parent: None },
            ended: None,
        })
    }
}

fn key(sid: Uuid) -> String {
    format!("baton:login:{sid}")
}

impl Hybrid {
    pub(crate) fn new(database: LoginRepository, cache: Cache) -> Self {
        Self { database, cache }
    }

    pub(super) async fn insert(
        &self,
        login: &Login,
        max: u32,
    ) -> Result<Option<Vec<Uuid>>, AccountError> {
        let ended = self.database.insert(login, max).await?;
        if let Some(ended) = &ended {
            self.copy(login).await;
            self.forget(ended).await;
        }
        Ok(ended)
    }

    pub(super) async fn find_soon(&self, sid: Uuid) -> Result<Option<Login>, AccountError> {
        match self.cache.find(&key(sid)).await {
            Ok(Some(text)) => {
                let copy: Option<Copy> = serde_json::from_str(&text).ok();
                match copy.and_then(|copy| copy.login(sid)) {
                    Some(login) => Ok(Some(login)),
                    None => self.find(sid).await,
                }
            }
            // Nothing there, or nobody there: the database knows.
            _ => self.find(sid).await,
        }
    }

    /// What is not in the database, or has ended there, is removed from Redis.
    pub(super) async fn find(&self, sid: Uuid) -> Result<Option<Login>, AccountError> {
        let login = self.database.find(sid).await?;
        match &login {
            Some(login) if login.ended.is_none() => self.copy(login).await,
            _ => self.forget(&[sid]).await,
        }
        Ok(login)
    }

    pub(super) async fn exchange(
        &self,
        login: &Login,
        exchange: &Exchange,
    ) -> Result<bool, AccountError> {
        if !self.database.exchange(login, exchange).await? {
            return Ok(false);
        }
        let (generation, token_hash) = (exchange.generation + 1, exchange.next.clone());
        let line = Line { generation, token_hash, parent: None };
        let idle_until = exchange.idle_until;
        self.copy(&Login { idle_until, line, ..login.clone() }).await;
        Ok(true)
    }

    pub(super) async fn list(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Login>, AccountError> {
        Ok(self.database.list(user, now).await?)
    }

    pub(super) async fn end(
        &self,
        which: &Which,
        why: (EndedBy, Timestamp),
    ) -> Result<Vec<Uuid>, AccountError> {
        let ended = self.database.end(which, why).await?;
        self.forget(&ended).await;
        Ok(ended)
    }

    /// A copy that cannot be written costs the next one a look into the database.
    async fn copy(&self, login: &Login) {
        let text = serde_json::to_string(&Copy::of(login)).unwrap_or_default();
        if let Err(error) = self.cache.insert(&key(login.sid), &text, COPY_TTL).await {
            warn!(cause = %error, "could not copy a login to Redis: it is in the database");
        }
    }

    async fn forget(&self, sids: &[Uuid]) {
        for sid in sids {
            if let Err(error) = self.cache.delete(&key(*sid)).await {
                warn!(cause = %error, "could not remove a login from Redis: the database refuses it");
            }
        }
    }
}
