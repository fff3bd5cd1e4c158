//! [`OAuthClient`]: a registered client, and what it may say to auth-service; [`claims_of`] a token, without a look at its
//! signature.

use auth_service::domain::client::{Client, ClientId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use shared::Secret;

use crate::caller::{Answer, Caller};
use crate::known_secrets;
use crate::system::{ALL_SCOPES, System};

pub const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that knows its secret.
#[derive(Clone)]
pub struct OAuthClient {
    pub id: String,
    pub secret: Secret,
    pub auth: String,
    pub caller: Caller,
}

/// A client with every scope, for every service, on nobody's behalf; to be changed.
pub fn declared(id: &str) -> Client {
    let services = ["order-service", "user-service", "file-service", "batch-service"];
    Client {
        scopes: ALL_SCOPES.parse().unwrap(),
        audiences: services.map(str::to_owned).into(),
        ..Client::new(ClientId::parse(id).unwrap())
    }
}

impl OAuthClient {
    /// Registers it.
    pub async fn register(system: &System, client: &Client) -> Self {
        let secret = system.services.register(client).await.expect("it is registered");
        Self::known(&system.services.auth.url(), client.id.as_str(), secret)
    }

    /// One that is registered already.
    pub fn known(auth: &str, id: &str, secret: Secret) -> Self {
        known_secrets::note(secret.expose());
        Self { id: id.to_owned(), secret, auth: auth.to_owned(), caller: Caller::new(None) }
    }

    /// The same client at another replica.
    pub fn at(&self, auth: &str) -> Self {
        Self { auth: auth.to_owned(), ..self.clone() }
    }

    /// Posts a form with the client's id and secret.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let own = [("client_id", self.id.as_str()), ("client_secret", self.secret.expose())];
        self.caller.post_form(&format!("{}{path}", self.auth), &[&own, form].concat()).await
    }

    /// Asks for a token by client credentials.
    pub async fn token(&self, more: &[(&str, &str)]) -> Answer {
        let grant = [("grant_type", "client_credentials")];
        self.post("/oauth2/token", &[&grant, more].concat()).await
    }

    /// Exchanges a token for one for another service.
    pub async fn exchange(&self, subject: &str, resource: &str, more: &[(&str, &str)]) -> Answer {
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", subject),
            ("subject_token_type", ACCESS_TOKEN),
            ("resource", resource),
        ];
        self.post("/oauth2/token", &[&form, more].concat()).await
    }

    pub async fn introspect(&self, token: &str) -> Answer {
        self.post("/oauth2/introspect", &[("token", token)]).await
    }

    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/oauth2/revoke", &[("token", token)]).await
    }
}

/// What a token says.
pub fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
