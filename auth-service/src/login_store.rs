//! [`LoginStore`]: where logins are kept. The database and Redis before it, the database alone, or Redis alone.

mod hybrid;
mod redis;

use shared::{Timestamp, UserId};
use uuid::Uuid;

use crate::domain::login::{Device, EndedBy, Login};
use crate::domain::refresh_token::{SealedPair, TokenHash};
use crate::error::AccountError;
use crate::repository::logins::LoginRepository;
pub(crate) use hybrid::Hybrid;
pub(crate) use redis::RedisLogins;

/// A refresh token is given for the next one.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) sid: Uuid,
    /// Of the one that is used.
    pub(crate) generation: u32,
    pub(crate) used: TokenHash,
    pub(crate) next: TokenHash,
    pub(crate) pair: SealedPair,
    pub(crate) device: Device,
    pub(crate) now: Timestamp,
    pub(crate) idle_until: Timestamp,
}

/// Which of a user's logins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which {
    pub(crate) user: UserId,
    /// None: all.
    pub(crate) only: Option<Uuid>,
    pub(crate) except: Option<Uuid>,
    /// Those that began with older credentials; from then on none begins with such. None: with whichever.
    pub(crate) older_than: Option<i64>,
}

impl Which {
    pub(crate) fn all(user: UserId) -> Self {
        Self { user, only: None, except: None, older_than: None }
    }

    pub(crate) fn one(user: UserId, sid: Uuid) -> Self {
        Self { only: Some(sid), ..Self::all(user) }
    }

    /// Whether it is one of them.
    fn takes(&self, login: &Login) -> bool {
        login.user_id == self.user
            && self.only.is_none_or(|only| only == login.sid)
            && self.except != Some(login.sid)
            && self.older_than.is_none_or(|version| login.credentials_version < version)
    }
}

pub(crate) enum LoginStore {
    Hybrid(Hybrid),
    Database(LoginRepository),
    Redis(Box<RedisLogins>),
}

impl LoginStore {
    /// Adds a login, and ends the oldest of the user's that are more than so many. None: what he has proved who he is with is
    /// over.
    pub(crate) async fn insert(
        &self,
        login: &Login,
        max: u32,
    ) -> Result<Option<Vec<Uuid>>, AccountError> {
        match self {
            Self::Hybrid(own) => own.insert(login, max).await,
            Self::Database(own) => Ok(own.insert(login, max).await?),
            Self::Redis(own) => own.insert(login, max).await,
        }
    }

    /// What is known of a login without asking twice: it may be old, and then an exchange fails.
    pub(crate) async fn find_soon(&self, sid: Uuid) -> Result<Option<Login>, AccountError> {
        match self {
            Self::Hybrid(own) => own.find_soon(sid).await,
            _ => self.find(sid).await,
        }
    }

    /// The login as it is.
    pub(crate) async fn find(&self, sid: Uuid) -> Result<Option<Login>, AccountError> {
        match self {
            Self::Hybrid(own) => own.find(sid).await,
            Self::Database(own) => Ok(own.find(sid).await?),
            Self::Redis(own) => own.find(sid).await,
        }
    }

    /// Whether logins are in the database, whatever there is before it.
    pub(crate) fn is_database(&self) -> bool {
        !matches!(self, Self::Redis(_))
    }

    /// Exchanges the token, if it is still the one that is good; false when it is not. Of many at once one does it.
    pub(crate) async fn exchange(
        &self,
        login: &Login,
        exchange: &Exchange,
    ) -> Result<bool, AccountError> {
        match self {
            Self::Hybrid(own) => own.exchange(login, exchange).await,
            Self::Database(own) => Ok(own.exchange(login, exchange).await?),
            Self::Redis(own) => own.exchange(login, exchange).await,
        }
    }

    /// The user's logins that have not ended, the last used first.
    pub(crate) async fn list(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Login>, AccountError> {
        match self {
            Self::Hybrid(own) => own.list(user, now).await,
            Self::Database(own) => Ok(own.list(user, now).await?),
            Self::Redis(own) => own.list(user, now).await,
        }
    }

    /// Ends these, and revokes what came of them; gives those that had not ended before.
    pub(crate) async fn end(
        &self,
        which: &Which,
        why: (EndedBy, Timestamp),
    ) -> Result<Vec<Uuid>, AccountError> {
        match self {
            Self::Hybrid(own) => own.end(which, why).await,
            Self::Database(own) => Ok(own.end(which, why).await?),
            Self::Redis(own) => own.end(which, why).await,
        }
    }
}
