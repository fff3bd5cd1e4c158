//! What somebody does with his own account.

use chrono::TimeDelta;
use shared::reply::Language;
use shared::{CompanyId, Secret, Timestamp, UserId};
use tracing::warn;

use crate::domain::account::{Account, EndReason, LoginEnd};
use crate::domain::password::{NewPassword, could_be_one};
use crate::domain::user::UserName;
use crate::error::UserError;
use crate::hashing::{Place, Verdict};
use crate::mail::Mail;
use crate::mail::texts::{News, Occasion, letter};
use crate::repository::changes::Word;
use crate::state::AppState;

/// How long we try to bring news that is no code.
const NEWS_TTL: TimeDelta = TimeDelta::days(3);

/// Whose account it is, as his session says.
pub(crate) type Owner = (CompanyId, UserId);

pub(crate) async fn find_own(state: &AppState, owner: Owner) -> Result<Account, UserError> {
    let found = state.accounts.find(owner.1).await?;
    found.filter(|account| account.company_id == owner.0).ok_or(UserError::NoSuchUser)
}

pub(crate) async fn rename(
    state: &AppState,
    owner: Owner,
    name: &UserName,
) -> Result<Account, UserError> {
    if !state.accounts.update_name(owner, name).await? {
        return Err(UserError::NoSuchUser);
    }
    find_own(state, owner).await
}

/// A change of a password, as it is asked for.
pub(crate) struct PasswordChange {
    pub(crate) old: Secret,
    pub(crate) new: Secret,
    /// The login in which it is asked for: that one goes on.
    pub(crate) sid: Option<String>,
    pub(crate) language: Language,
}

pub(crate) async fn change_password(
    state: &AppState,
    owner: Owner,
    asked: PasswordChange,
) -> Result<(), UserError> {
    let account = find_own(state, owner).await?;
    check_own_password(state, &account, &asked.old).await?;
    let new = NewPassword::parse(asked.new, account.email.as_ref());
    let new = new.map_err(UserError::WeakPassword)?;
    let hash = state.hashing.hash(new.secret()).await?;
    let now = state.clock.now();
    let end = LoginEnd::new(&account, EndReason::PasswordChanged).except(asked.sid);
    let mail = news(&account, News::PasswordChanged, (asked.language, now));
    let word = Word { login_end: Some(end), mail };
    // Another change came in between: the old password is old no more.
    if !state.accounts.update_password(&account, &hash, (&word, now)).await? {
        return Err(UserError::WrongPassword);
    }
    tell(state, &word).await;
    Ok(())
}

/// The password of somebody who is logged in. Whoever has found his way to his screen may guess five times an hour.
async fn check_own_password(
    state: &AppState,
    account: &Account,
    password: &Secret,
) -> Result<(), UserError> {
    // Whoever finds no room has not guessed.
    let place = state.hashing.place()?;
    state.limits.check_guess(account.id).await?;
    if !is_right(state, (account, password), place).await? {
        return Err(UserError::WrongPassword);
    }
    if let Err(error) = state.limits.forget_guesses(account.id).await {
        warn!(cause = %error, "a right password counts as a guess for an hour");
    }
    Ok(())
}

/// Who has a password has to show that it is he; who has none has shown it by his token.
pub(crate) async fn show_own_password(
    state: &AppState,
    account: &Account,
    password: Option<&Secret>,
) -> Result<(), UserError> {
    if account.password.is_none() {
        return Ok(());
    }
    let password = password.ok_or(UserError::BadField("password", "your password"))?;
    check_own_password(state, account, password).await
}

/// Whether this is the account's password. Where there is none it takes as long to say no.
pub(crate) async fn is_right(
    state: &AppState,
    (account, password): (&Account, &Secret),
    place: Place,
) -> Result<bool, UserError> {
    let sound = could_be_one(password.expose());
    let stored = account.password.as_ref().filter(|_| sound);
    let empty = Secret::new("");
    let password = if sound { password } else { &empty };
    let verdict = state.hashing.verify_at(place, password, stored).await?;
    Ok(verdict != Verdict::Wrong)
}

/// Closes the account, and tells its owner while he still has an address. Who has a password has to show that it is he; after
/// a while all that is personal is erased.
pub(crate) async fn withdraw(
    state: &AppState,
    owner: Owner,
    (password, language): (Option<&Secret>, Language),
) -> Result<(), UserError> {
    let account = find_own(state, owner).await?;
    show_own_password(state, &account, password).await?;
    let now = state.clock.now();
    let end = LoginEnd::new(&account, EndReason::Withdrawn);
    let mail = news(&account, News::Withdrawn, (language, now));
    let word = Word { login_end: Some(end), mail };
    if !state.accounts.close(&account, (&word, now)).await? {
        // It is closed already, or there is another password that has not been shown.
        find_own(state, owner).await?;
        return Err(UserError::WrongPassword);
    }
    tell(state, &word).await;
    Ok(())
}

/// A letter to the owner, if he has an address.
pub(crate) fn news(
    account: &Account,
    news: News,
    (language, now): (Language, Timestamp),
) -> Option<Mail> {
    let to = account.email.as_ref()?;
    Some(Mail::new(to, letter(&Occasion::News(news), language), (now, now + NEWS_TTL)))
}

/// What has been written down with a change is delivered.
pub(crate) async fn tell(state: &AppState, word: &Word) {
    if word.mail.is_some() {
        state.post.wake();
    }
    if let Some(end) = &word.login_end {
        state.login_ends.deliver_now(end).await;
    }
}
