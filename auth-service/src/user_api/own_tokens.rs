//! [`OwnTokens`]: the tokens that this server issues to itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::Claims;
use shared::client::token_source::{IssuedToken, TokenFetchError, TokenRequest, TokenSource};

use crate::domain::grant::TokenIds;
use crate::issuer::Issuer;

/// How long they live, in seconds.
const TTL_S: i64 = 300;

/// Signs in place of asking a token endpoint: it would be this server's own.
pub(crate) struct OwnTokens {
    issuer: Issuer,
    /// Under which name it asks.
    client_id: String,
}

impl OwnTokens {
    pub(crate) fn new(issuer: Issuer, client_id: &str) -> Self {
        Self { issuer, client_id: client_id.to_owned() }
    }

    fn claims(&self, request: &TokenRequest) -> Claims {
        let iat = self.issuer.now().timestamp();
        let jti = TokenIds::with_capacity(1).next_id();
        Claims {
            iss: self.issuer.terms.issuer.clone(),
            sub: self.client_id.clone(),
            aud: vec![request.audience().to_owned()],
            client_id: self.client_id.clone(),
            scope: request.scope().clone(),
            iat,
            exp: iat + TTL_S,
            nbf: None,
            sid: Some(jti.clone()),
            auth_time: None,
            jti,
            session: request.session().cloned(),
            act: None,
            handoff: None,
        }
    }
}

#[async_trait]
impl TokenSource for OwnTokens {
    fn identity(&self) -> Arc<str> {
        self.client_id.as_str().into()
    }

    async fn fetch(&self, request: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        let issued = self.issuer.issue(self.claims(request)).await;
        let unavailable = |cause: String| TokenFetchError::Unavailable { cause, retry_after: None };
        let issued = issued.map_err(|refusal| unavailable(refusal.to_string()))?;
        let lifetime = Duration::from_secs(TTL_S.unsigned_abs());
        Ok(IssuedToken { token: issued.token, lifetime })
    }
}
