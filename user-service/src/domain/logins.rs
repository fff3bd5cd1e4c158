//! What auth-service asks: who somebody is who wants to log in.

use shared::{Secret, UserId};
use tracing::warn;

use crate::domain::account::{Account, Identity, NewAccount, Registered, Way};
use crate::domain::dormancy::see;
use crate::domain::password::could_be_one;
use crate::domain::profile::is_right;
use crate::domain::user::{Email, UserName};
use crate::error::UserError;
use crate::hashing::Verdict;
use crate::state::AppState;

/// The open account of this address and password. Unknown, wrong, closed, without a password: one answer, after as much
/// work.
pub(crate) async fn log_in(
    state: &AppState,
    email: &str,
    password: &Secret,
) -> Result<Account, UserError> {
    let account = match Email::parse(email) {
        Ok(email) => state.accounts.find_by_email(&email).await?,
        Err(_) => None,
    };
    let sound = could_be_one(password.expose());
    let account = account.filter(|account| sound && !account.is_closed);
    let stored = account.as_ref().and_then(|account| account.password.as_ref());
    let empty = Secret::new("");
    let verdict = state.hashing.verify(if sound { password } else { &empty }, stored).await?;
    let account = account.filter(|_| verdict != Verdict::Wrong).ok_or(UserError::WrongPassword)?;
    if verdict == Verdict::RightButOld {
        rehash(state, &account, password).await;
    }
    // Closed meanwhile, for not having been seen: he came too late.
    if see(state, &account).await? { Ok(account) } else { Err(UserError::WrongPassword) }
}

/// The settings have changed since it was hashed. That this fails keeps nobody out.
async fn rehash(state: &AppState, account: &Account, password: &Secret) {
    let rehashed = async {
        let hash = state.hashing.hash(password).await?;
        state.accounts.rehash_password(account, &hash).await?;
        Ok::<_, UserError>(())
    };
    if let Err(error) = rehashed.await {
        warn!(user.id = account.id.get(), cause = %error, "a password keeps its old hash for now");
    }
}

/// What another provider says of somebody.
pub(crate) struct SocialLogin {
    pub(crate) identity: Identity,
    /// Only if the provider has made sure of it.
    pub(crate) email: Option<Email>,
    pub(crate) name: UserName,
    /// No account is made where there is none.
    pub(crate) known_only: bool,
}

/// The account of this identity, whatever its address is by now; a new one where there is none. An address that is
/// somebody's already is not joined: only its owner may do that, logged in.
pub(crate) async fn log_in_socially(
    state: &AppState,
    asked: &SocialLogin,
) -> Result<(Account, bool), UserError> {
    if let Some(account) = find_open(state, &asked.identity).await? {
        return Ok((account, false));
    }
    if asked.known_only {
        return Err(UserError::NoSuchUser);
    }
    if let Some(email) = &asked.email
        && state.accounts.find_by_email(email).await?.is_some()
    {
        return find_holder(state, asked).await;
    }
    let new = NewAccount {
        email: asked.email.clone(),
        name: asked.name.clone(),
        way: Way::Identity(asked.identity.clone()),
        company: state.signup_company,
    };
    match state.accounts.insert(&new, state.clock.now()).await? {
        Some(account) => Ok((account, true)),
        None => find_holder(state, asked).await,
    }
}

/// The address or the identity is taken: by another one, or by himself a moment ago.
async fn find_holder(state: &AppState, asked: &SocialLogin) -> Result<(Account, bool), UserError> {
    if let Some(account) = find_open(state, &asked.identity).await? {
        return Ok((account, false));
    }
    let provider = asked.identity.provider();
    let holder = match &asked.email {
        Some(email) => state.accounts.find_by_email(email).await?,
        None => None,
    };
    let registered = holder.map(|holder| holder.registered());
    Err(UserError::Registered(registered.unwrap_or(Registered { email: None, provider })))
}

async fn find_open(state: &AppState, identity: &Identity) -> Result<Option<Account>, UserError> {
    match state.accounts.find_by_identity(identity).await? {
        Some(account) if account.is_closed || !see(state, &account).await? => {
            Err(UserError::Registered(account.registered()))
        }
        found => Ok(found),
    }
}

pub(crate) async fn find_person(state: &AppState, id: UserId) -> Result<Account, UserError> {
    state.accounts.find(id).await?.ok_or(UserError::NoSuchUser)
}

pub(crate) async fn check_password(
    state: &AppState,
    id: UserId,
    password: &Secret,
) -> Result<(), UserError> {
    let account = find_person(state, id).await.map_err(|error| match error {
        UserError::NoSuchUser => UserError::WrongPassword,
        error => error,
    })?;
    let right = is_right(state, (&account, password), state.hashing.place()?).await?;
    if right { Ok(()) } else { Err(UserError::WrongPassword) }
}
