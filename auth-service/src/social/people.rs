//! What becomes of a person whom a provider vouches for. Who people are is for user-service to say.

use shared::{Claims, Secret, UserId};

use crate::domain::person::{Person, Provider};
use crate::domain::social::profile::Profile;
use crate::domain::social::{SocialRefusal, proof};
use crate::user_api::{SocialPerson, UserApi, UserApiError};

/// Whose identity it is. Who comes for the first time gets an account, but not by an address that he has not proved to
/// own: he might have entered somebody else's. Who is known by his id comes in, whatever has become of the address.
pub(crate) async fn find_person(
    users: &UserApi,
    profile: &Profile,
) -> Result<SocialPerson, SocialRefusal> {
    let identity = &profile.identity;
    if !profile.is_unverified {
        return users
            .find_or_create(identity)
            .await
            .map_err(|error| refusal(error, identity.provider));
    }
    match users.find_by_identity(identity).await {
        Ok(found) => Ok(found),
        Err(UserApiError::NoSuchUser) => Err(SocialRefusal::EmailNotVerified),
        Err(error) => Err(refusal(error, identity.provider)),
    }
}

/// Adds the identity to the account of the person whose token began it.
pub(crate) async fn link(
    users: &UserApi,
    claims: &Claims,
    profile: &Profile,
) -> Result<Person, SocialRefusal> {
    let linked = users.link(proof::person(claims)?, &profile.identity).await;
    linked.map_err(|error| refusal(error, profile.identity.provider))
}

/// Makes sure that it is the person who wants to link, and not somebody who found his browser open: a further identity
/// is a further way in, for good.
pub(crate) async fn prove(
    users: &UserApi,
    (claims, now_s): (&Claims, i64),
    password: Option<&Secret>,
) -> Result<UserId, SocialRefusal> {
    let user = proof::person(claims)?;
    match password {
        Some(password) => {
            let checked = users.check_own_password(user, password).await;
            checked.map_err(|error| refusal(error, Provider::Local))?;
        }
        None if proof::is_fresh(claims, now_s) => {}
        None => return Err(SocialRefusal::NotProved),
    }
    Ok(user)
}

fn refusal(error: UserApiError, provider: Provider) -> SocialRefusal {
    match error {
        UserApiError::WrongCredentials => SocialRefusal::WrongPassword,
        UserApiError::Taken(taken) if taken.email.is_some() => {
            SocialRefusal::EmailTaken(taken.provider)
        }
        UserApiError::Taken(_) => SocialRefusal::IdentityTaken(provider),
        UserApiError::NoSuchUser => SocialRefusal::NoSuchUser,
        UserApiError::TooOften { retry_after_s } => {
            SocialRefusal::TooManyPasswords { retry_after_s }
        }
        error => SocialRefusal::Unavailable(error.to_string()),
    }
}
