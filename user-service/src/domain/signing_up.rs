//! Becoming a user: by oneself, with a proof that the address is one's own.

use shared::Secret;
use shared::db::DbError;

use crate::domain::account::{Account, NewAccount, Provider, Way};
use crate::domain::codes::{check_proof, use_up_proof};
use crate::domain::password::NewPassword;
use crate::domain::user::{Email, UserName};
use crate::error::UserError;
use crate::state::AppState;

/// What somebody who signs up says of himself.
pub(crate) struct SignUp {
    pub(crate) email: Email,
    pub(crate) password: Secret,
    pub(crate) name: UserName,
    /// The proof.
    pub(crate) token: String,
}

/// Somebody who has signed up, and by which way the last owner of the address came in, if there was one.
pub(crate) struct SignedUp {
    pub(crate) account: Account,
    pub(crate) former_provider: Option<Provider>,
}

/// Makes the account. That the address is taken is said to nobody but who has shown that it is his.
pub(crate) async fn sign_up(state: &AppState, asked: SignUp) -> Result<SignedUp, UserError> {
    let SignUp { email, password, name, token } = asked;
    let password = NewPassword::parse(password, Some(&email)).map_err(UserError::WeakPassword)?;
    check_proof(state, &email, &token).await?;
    check_free(state, &email).await?;
    let former_provider = state.accounts.find_former_provider(&email).await?;
    let way = Way::Password(state.hashing.hash(password.secret()).await?);
    let company = state.signup_company;
    let new = NewAccount { email: Some(email.clone()), name, way, company };
    let Some(account) = state.accounts.insert(&new, state.clock.now()).await? else {
        // Somebody was faster, and may even be gone again.
        check_free(state, &email).await?;
        return Err(DbError::Unavailable("the address was taken a moment ago".to_owned()).into());
    };
    use_up_proof(state, &email).await;
    Ok(SignedUp { account, former_provider })
}

async fn check_free(state: &AppState, email: &Email) -> Result<(), UserError> {
    match state.accounts.find_by_email(email).await? {
        Some(holder) => Err(UserError::Registered(holder.registered())),
        None => Ok(()),
    }
}
