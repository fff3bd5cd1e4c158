//! A new password for somebody who has forgotten his.

use shared::Secret;
use shared::reply::Language;

use crate::domain::account::{Account, EndReason, LoginEnd};
use crate::domain::codes::{Asker, ResetToken};
use crate::domain::password::NewPassword;
use crate::domain::profile::{news, tell};
use crate::domain::user::Email;
use crate::error::UserError;
use crate::mail::texts::News;
use crate::repository::changes::Word;
use crate::state::AppState;

/// What is asked for.
pub(crate) struct Reset {
    pub(crate) email: Email,
    pub(crate) password: Secret,
    pub(crate) token: String,
    pub(crate) asker: Asker,
}

/// Sets the password, once for each token. All logins end, and nobody is logged in by it.
pub(crate) async fn reset_password(state: &AppState, asked: Reset) -> Result<(), UserError> {
    let Reset { email, password, token, asker } = asked;
    // A bad password costs no token.
    let password = NewPassword::parse(password, Some(&email)).map_err(UserError::WeakPassword)?;
    let token = ResetToken::take(state, &email, (&token, asker.address)).await?;
    match set_password(state, &email, (&password, asker.language)).await {
        Ok(word) => {
            tell(state, &word).await;
            Ok(())
        }
        Err(error @ UserError::BadResetToken) => Err(error),
        Err(error) => {
            // What did not come about has not used it.
            token.put_back(state).await;
            Err(error)
        }
    }
}

/// That its owner changes the password at the same moment is no reason to fail.
const TRIES: u32 = 3;

async fn set_password(
    state: &AppState,
    email: &Email,
    (password, language): (&NewPassword, Language),
) -> Result<Word, UserError> {
    find_account(state, email).await?;
    let hash = state.hashing.hash(password.secret()).await?;
    for _ in 0..TRIES {
        let account = find_account(state, email).await?;
        let now = state.clock.now();
        let word = Word {
            login_end: Some(LoginEnd::new(&account, EndReason::PasswordReset)),
            mail: news(&account, News::PasswordReset, (language, now)),
        };
        if state.accounts.update_password(&account, &hash, (&word, now)).await? {
            return Ok(word);
        }
    }
    Err(UserError::BadResetToken)
}

async fn find_account(state: &AppState, email: &Email) -> Result<Account, UserError> {
    let holder = state.accounts.find_by_email(email).await?;
    holder.filter(Account::may_reset_password).ok_or(UserError::BadResetToken)
}
