//! [`Logins`]: people sign in, stay signed in, and sign out.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use shared::{Claims, Scopes, Timestamp, UserId};
use tracing::{info, warn};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::grant::TokenIds;
use crate::domain::login::{Device, EndedBy, Line, Login, Worth};
use crate::domain::person::Person;
use crate::domain::refresh_token::{RefreshToken, SealedPair};
use crate::error::AccountError;
use crate::issuer::Issuer;
use crate::login_store::{Exchange, LoginStore, Which};
use crate::seal::TokenMacs;

/// Under which name people's tokens are asked for: that of the page on which they sign in.
pub(crate) const CLIENT_ID: &str = "account";
/// A refresh token that was exchanged meanwhile is looked at again, so many times in all.
const LOOKS: usize = 3;

#[derive(Clone)]
pub(crate) struct Logins {
    pub(crate) store: Arc<LoginStore>,
    pub(crate) issuer: Issuer,
    pub(crate) macs: TokenMacs,
    pub(crate) terms: Arc<LoginTerms>,
}

/// The terms on which people are logged in.
#[derive(Clone, Debug)]
pub(crate) struct LoginTerms {
    pub(crate) ttl_s: u32,
    pub(crate) scope: Scopes,
    pub(crate) audiences: Vec<String>,
    pub(crate) idle_s: u32,
    pub(crate) max_s: u32,
    pub(crate) repeat_s: u32,
    pub(crate) max_logins: u32,
}

/// What a browser gets.
pub(crate) struct Begun {
    pub(crate) pair: Pair,
    /// When the login ends at the latest, if it is used.
    pub(crate) ends_at: Timestamp,
}

/// An access token, and what the next one is got with.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) access: String,
    /// When the access token expires, in seconds since 1970.
    pub(crate) expires_s: i64,
    pub(crate) refresh: String,
}

impl Logins {
    /// Logs somebody in who has proved who he is; not with a password that was changed meanwhile.
    pub(crate) async fn begin(
        &self,
        person: &Person,
        device: &Device,
    ) -> Result<Begun, AccountError> {
        let (sid, now) = (Uuid::now_v7(), self.issuer.now());
        let refresh = RefreshToken::generate(sid, 0, &self.macs)?;
        let session = person.session();
        let claims = self.claims((sid, person.user_id), now);
        let issued = self.issuer.issue(Claims { session: Some(session.clone()), ..claims }).await?;
        let login = Login {
            sid,
            user_id: person.user_id,
            session,
            provider: person.provider,
            device: device.clone(),
            credentials_version: person.credentials_version,
            began_at: now,
            auth_time_s: issued.claims.iat,
            used_at: now,
            ends_at: now + TimeDelta::seconds(self.terms.max_s.into()),
            idle_until: now + TimeDelta::seconds(self.terms.idle_s.into()),
            line: Line { generation: 0, token_hash: refresh.hash(), parent: None },
            ended: None,
        };
        let ended = self.store.insert(&login, self.terms.max_logins).await?;
        let ended = ended.ok_or(AccountError::WrongCredentials)?;
        if !ended.is_empty() {
            self.ended(person.user_id, &ended, EndedBy::TooMany).await;
        }
        self.log_begun(&login);
        let pair = Pair {
            access: issued.token.expose().to_owned(),
            expires_s: issued.claims.exp,
            refresh: refresh.expose(),
        };
        Ok(Begun { pair, ends_at: login.ends_at })
    }

    fn log_begun(&self, login: &Login) {
        let (user, sid, provider) = (login.user_id, login.sid, login.provider);
        info!(user = user.get(), login = %sid, %provider, "user {user} has logged in");
        let event = AuditEvent::new(Event::LoginBegan, &actor(user), self.issuer.now());
        let event = event.with_session(Some(login.session.as_json()));
        let from = &login.device.address;
        self.issuer.audit.write(event.because(format!("{provider} sid {sid} from {from}")));
    }

    /// Gives the next pair for a refresh token: the same one to all who ask with it at once, and to one whose answer was lost.
    pub(crate) async fn refresh(&self, text: &str, device: &Device) -> Result<Begun, AccountError> {
        let token = RefreshToken::parse(text, &self.macs);
        let token = token.ok_or(AccountError::RefreshInvalid("not one of ours"))?;
        let mut found = self.store.find_soon(token.sid).await?;
        for _ in 0..LOOKS {
            let login = found.ok_or(AccountError::RefreshInvalid("no such login"))?;
            let worth = login.worth(&token, (self.issuer.now(), self.terms.repeat_s));
            if worth == Worth::Current
                && let Some(begun) = self.exchange(&token, &login, device).await?
            {
                return Ok(begun);
            }
            // A copy says nothing for certain but that a token is good.
            found = self.store.find(token.sid).await?;
            if let Some(answer) = self.settled(&token, found.as_ref()).await {
                return answer;
            }
        }
        Err(AccountError::RefreshInvalid("the login changes too fast"))
    }

    /// What is to be said of a token that cannot be exchanged; None when it can.
    async fn settled(
        &self,
        token: &RefreshToken,
        login: Option<&Login>,
    ) -> Option<Result<Begun, AccountError>> {
        let refused = |why| Some(Err(AccountError::RefreshInvalid(why)));
        let Some(login) = login else { return refused("no such login") };
        match login.worth(token, (self.issuer.now(), self.terms.repeat_s)) {
            Worth::Current => None,
            Worth::Repeat(pair) => Some(self.repeated(token, login, &pair)),
            Worth::Reused => Some(Err(self.reused(login).await)),
            Worth::Over(Some(EndedBy::Reuse)) => Some(Err(AccountError::RefreshReused)),
            Worth::Over(_) => refused("the login is over"),
            Worth::Unknown => refused("younger than what is known of the login"),
        }
    }

    /// None: somebody else was faster.
    async fn exchange(
        &self,
        token: &RefreshToken,
        login: &Login,
        device: &Device,
    ) -> Result<Option<Begun>, AccountError> {
        let now = self.issuer.now();
        let next = RefreshToken::generate(login.sid, token.generation + 1, &self.macs)?;
        let claims = Claims {
            session: Some(login.session.clone()),
            auth_time: Some(login.auth_time_s),
            ..self.claims((login.sid, login.user_id), now)
        };
        self.refuse_revoked(login, &claims).await?;
        let issued = self.issuer.issue_renewal(claims).await?;
        let pair = Pair {
            access: issued.token.expose().to_owned(),
            expires_s: issued.claims.exp,
            refresh: next.expose(),
        };
        let text = Zeroizing::new(serde_json::to_string(&pair).unwrap_or_default());
        let exchange = Exchange {
            sid: login.sid,
            generation: token.generation,
            used: token.hash(),
            next: next.hash(),
            pair: token.seal(&text)?,
            device: device.clone(),
            now,
            idle_until: now + TimeDelta::seconds(self.terms.idle_s.into()),
        };
        let exchanged = self.store.exchange(login, &exchange).await?;
        Ok(exchanged.then_some(Begun { pair, ends_at: login.ends_at }))
    }

    /// An operator has revoked all that this user, or everybody, had.
    async fn refuse_revoked(&self, login: &Login, claims: &Claims) -> Result<(), AccountError> {
        let revoked = self.issuer.mirror.revocations().set();
        if !revoked.hits(claims, claims.iat) {
            return Ok(());
        }
        self.end(&Which::one(login.user_id, login.sid), EndedBy::Operator).await?;
        Err(AccountError::RefreshInvalid("revoked"))
    }

    fn repeated(
        &self,
        token: &RefreshToken,
        login: &Login,
        sealed: &SealedPair,
    ) -> Result<Begun, AccountError> {
        let text = token.open(sealed).ok_or(AccountError::Crypto)?;
        let pair = serde_json::from_str(&text).map_err(|_| AccountError::Crypto)?;
        Ok(Begun { pair, ends_at: login.ends_at })
    }

    /// Two have the token, and nobody knows which of them is the user: both are out.
    async fn reused(&self, login: &Login) -> AccountError {
        let (user, sid) = (login.user_id, login.sid);
        let which = Which::one(user, sid);
        if let Err(error) = self.end(&which, EndedBy::Reuse).await {
            return error;
        }
        warn!(user = user.get(), login = %sid, "a used refresh token came again: the login is ended");
        let event = AuditEvent::new(Event::RefreshReused, &actor(user), self.issuer.now());
        self.issuer.audit.write(event.because(format!("sid {sid}")));
        AccountError::RefreshReused
    }

    /// The user's logins, the last used first.
    pub(crate) async fn list(&self, user: UserId) -> Result<Vec<Login>, AccountError> {
        self.store.list(user, self.issuer.now()).await
    }

    /// Ends these logins; answers when this server knows it. At the others, and at the services, it is known within a second.
    pub(crate) async fn end(&self, which: &Which, by: EndedBy) -> Result<Vec<Uuid>, AccountError> {
        let ended = self.store.end(which, (by, self.issuer.now())).await?;
        if !ended.is_empty() {
            self.ended(which.user, &ended, by).await;
        }
        Ok(ended)
    }

    async fn ended(&self, user: UserId, sids: &[Uuid], by: EndedBy) {
        for sid in sids {
            info!(user = user.get(), login = %sid, by = by.name(), "a login of user {user} is ended");
            let event = AuditEvent::new(Event::LoginEnded, &actor(user), self.issuer.now());
            self.issuer.audit.write(event.because(format!("{} sid {sid}", by.name())));
        }
        if let Err(error) = self.issuer.mirror.changed().await {
            warn!(cause = %error, "ended logins will be read when the database is back");
        }
    }

    /// Ends the login of this refresh token, good or used up; nothing to do where it is over. The token is as good as its
    /// holder: whoever has one may sign out.
    pub(crate) async fn end_by_token(&self, text: &str) -> Result<(), AccountError> {
        let Some(token) = RefreshToken::parse(text, &self.macs) else { return Ok(()) };
        let Some(login) = self.store.find(token.sid).await? else { return Ok(()) };
        self.end(&Which::one(login.user_id, login.sid), EndedBy::Logout).await.map(drop)
    }

    /// What the access tokens of a login have in common.
    fn claims(&self, (sid, user): (Uuid, UserId), now: Timestamp) -> Claims {
        let iat = now.timestamp();
        Claims {
            iss: self.issuer.terms.issuer.clone(),
            sub: user.to_string(),
            aud: self.terms.audiences.clone(),
            client_id: CLIENT_ID.to_owned(),
            scope: self.terms.scope.clone(),
            iat,
            exp: iat + i64::from(self.terms.ttl_s),
            nbf: None,
            jti: TokenIds::with_capacity(1).next_id(),
            session: None,
            sid: Some(sid.to_string()),
            auth_time: None,
            act: None,
            handoff: None,
        }
    }
}

/// As it stands in the audit log.
pub(crate) fn actor(user: UserId) -> String {
    format!("user {user}")
}
