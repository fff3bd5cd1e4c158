//! Other ways into an account: its owner hears of each that is added, and takes away what he does not want.

use shared::reply::Language;
use shared::{Secret, UserId};

use crate::domain::account::{Account, Identity, Linked, Provider, Registered, Unlinked};
use crate::domain::logins::find_person;
use crate::domain::profile::{Owner, find_own, news, show_own_password, tell};
use crate::error::UserError;
use crate::mail::texts::News;
use crate::repository::changes::Word;
use crate::state::AppState;

/// Gives the account another identity, by which its owner may come in from now on; a letter tells him.
pub(crate) async fn link_identity(
    state: &AppState,
    (id, identity): (UserId, &Identity),
    language: Language,
) -> Result<Account, UserError> {
    let account = find_person(state, id).await?;
    let (provider, now) = (identity.provider(), state.clock.now());
    let mail = news(&account, News::IdentityLinked(provider), (language, now));
    let word = Word { login_end: None, mail };
    if state.accounts.insert_identity((id, identity), (&word, now)).await? {
        tell(state, &word).await;
        return Ok(account);
    }
    match state.accounts.find_by_identity(identity).await? {
        Some(holder) if holder.id == id => Ok(account),
        _ => Err(UserError::Registered(Registered { email: None, provider })),
    }
}

pub(crate) async fn list_identities(
    state: &AppState,
    owner: Owner,
) -> Result<Vec<Linked>, UserError> {
    let account = find_own(state, owner).await?;
    Ok(state.accounts.list_identities(account.id).await?)
}

/// Who has a password has to show that it is he.
pub(crate) async fn unlink_identity(
    state: &AppState,
    owner: Owner,
    (provider, password): (Provider, Option<&Secret>),
) -> Result<(), UserError> {
    let account = find_own(state, owner).await?;
    show_own_password(state, &account, password).await?;
    match state.accounts.delete_identities(account.id, provider).await? {
        Unlinked::Done => Ok(()),
        Unlinked::NotThere => Err(UserError::NoSuchIdentity),
        Unlinked::LastWayIn => Err(UserError::LastWayIn),
    }
}
