//! The calls that we make to user-service: it knows who people are, and checks their passwords.

mod own_tokens;

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::client::{Call, CallError, SessionClient};
use shared::{Secret, ServiceClient, UserId};
use utoipa::ToSchema;

use crate::domain::person::{Person, Provider, SocialIdentity};
pub(crate) use own_tokens::OwnTokens;

/// Its name in tokens.
pub(crate) const AUDIENCE: &str = "user-service";
/// What our tokens for it are good for.
pub(crate) const SCOPE: &str = "user:internal";
/// A password takes its time, and others may be before it.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct UserApi {
    client: ServiceClient,
}

/// Why user-service gives no person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserApiError {
    /// Unknown address or wrong password: it is not said which.
    #[error("unknown address or wrong password")]
    WrongCredentials,
    #[error("registered with {}", .0.provider)]
    Taken(Taken),
    #[error("no such user")]
    NoSuchUser,
    #[error("too many passwords at once")]
    Busy { retry_after_s: u64 },
    #[error("too many wrong passwords of this user")]
    TooOften { retry_after_s: u64 },
    #[error("user-service: {0}")]
    Away(String),
}

/// What an account that is there already goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Registered)]
pub(crate) struct Taken {
    #[schema(required, format = "email")]
    pub(crate) email: Option<String>,
    pub(crate) provider: Provider,
}

/// Who came by a provider.
#[derive(Debug, Deserialize)]
pub(crate) struct SocialPerson {
    /// Whether the account was made just now.
    pub(crate) created: bool,
    pub(crate) person: Person,
}

impl UserApi {
    pub(crate) fn new(client: ServiceClient) -> Self {
        Self { client }
    }

    /// A POST for somebody else.
    pub(crate) fn post(&self, path: &str) -> Call {
        self.caller().post(path).deadline(DEADLINE)
    }

    fn caller(&self) -> SessionClient {
        self.client.without_session()
    }

    /// Whose these are.
    pub(crate) async fn check_password(
        &self,
        email: &str,
        password: &Secret,
    ) -> Result<Person, UserApiError> {
        let body = json!({ "email": email, "password": password.expose() });
        ask(self.caller().post("/internal/logins").json(&body)).await
    }

    /// The person of this identity; an account is made where there is none.
    pub(crate) async fn find_or_create(
        &self,
        identity: &SocialIdentity,
    ) -> Result<SocialPerson, UserApiError> {
        // The same again finds what was made.
        let call = self.caller().post("/internal/social-logins").json(identity);
        ask(call.idempotency_key(&format!("{}:{}", identity.provider, identity.subject))).await
    }

    /// The same, but no account is made: [`UserApiError::NoSuchUser`] where there is none.
    pub(crate) async fn find_by_identity(
        &self,
        identity: &SocialIdentity,
    ) -> Result<SocialPerson, UserApiError> {
        let (provider, subject) = (identity.provider, &identity.subject);
        let body = json!({ "provider": provider, "subject": subject, "email": null, "name": null,
            "known_only": true });
        let call = self.caller().post("/internal/social-logins").json(&body);
        ask(call.idempotency_key(&format!("known:{provider}:{subject}"))).await
    }

    /// Adds a further identity to an account.
    pub(crate) async fn link(
        &self,
        user: UserId,
        identity: &SocialIdentity,
    ) -> Result<Person, UserApiError> {
        let path = format!("/internal/users/{user}/identities");
        let SocialIdentity { provider, subject, email, .. } = identity;
        let body = json!({ "provider": provider, "subject": subject, "email": email });
        ask(self.caller().post(&path).json(&body)).await
    }

    /// Whether the password is this user's.
    pub(crate) async fn check_own_password(
        &self,
        user: UserId,
        password: &Secret,
    ) -> Result<(), UserApiError> {
        let path = format!("/internal/users/{user}/password-check");
        let body = json!({ "password": password.expose() });
        ask::<Value>(self.caller().post(&path).json(&body)).await.map(drop)
    }
}

async fn ask<T: DeserializeOwned>(call: Call) -> Result<T, UserApiError> {
    let response = call.deadline(DEADLINE).send().await.map_err(away)?;
    let status = response.status();
    let retry_after_s = retry_after_s(&response);
    let body = response.bytes().await.map_err(|_| cut_off())?;
    let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let data = body["data"].take();
    let code = body["errorCode"].as_str().unwrap_or_default();
    match (status, code) {
        (status, _) if status.is_success() => serde_json::from_value(data)
            .map_err(|_| UserApiError::Away("the answer is not the one asked for".to_owned())),
        (_, "A006") => Err(UserApiError::WrongCredentials),
        (_, "A009") => Err(UserApiError::TooOften { retry_after_s }),
        (_, "U002") => Err(UserApiError::NoSuchUser),
        (_, "U001") => Err(taken(data)),
        (StatusCode::SERVICE_UNAVAILABLE, _) => Err(UserApiError::Busy { retry_after_s }),
        (status, code) => Err(UserApiError::Away(format!("answered {status} {code}"))),
    }
}

fn taken(data: Value) -> UserApiError {
    let taken = serde_json::from_value(data).map(UserApiError::Taken);
    taken.unwrap_or_else(|_| UserApiError::Away("a conflict, and not with whom".to_owned()))
}

fn retry_after_s(response: &Response) -> u64 {
    let value = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.parse().ok()).unwrap_or(1)
}

fn cut_off() -> UserApiError {
    UserApiError::Away("the answer broke off".to_owned())
}

fn away(error: CallError) -> UserApiError {
    UserApiError::Away(error.to_string())
}
