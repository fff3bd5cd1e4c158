//! [`SocialClient`]: this server as a client of one provider.

mod opening;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AccessToken, AuthorizationCode, Client, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RefreshToken, RequestTokenError, Scope,
    StandardRevocableToken, TokenResponse,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::person::Provider;
use crate::domain::social::SocialRefusal;
use crate::domain::social::attempt::State;
use crate::domain::social::id_token::{Expected, IdTokenFault};
use crate::domain::social::profile::Profile;
use crate::social::id_tokens::IdTokens;
use crate::social::upstream::{Upstream, UpstreamError};
use crate::social::{google, kakao, naver};
pub(super) use opening::open_all;

/// The longest error code of a provider that goes into the log.
const MAX_ERROR_CHARS: usize = 60;

/// Where a provider is, unless the settings say otherwise, and what we want of it.
pub(super) struct Defaults {
    pub(super) path_name: &'static str,
    pub(super) authorization_url: &'static str,
    pub(super) token_url: &'static str,
    pub(super) user_info_url: &'static str,
    pub(super) scopes: &'static [&'static str],
}

/// What a provider says of somebody, in its own shape.
pub(super) trait UserInfo: DeserializeOwned {
    /// The same in ours.
    fn profile(self) -> Result<Profile, SocialRefusal>;
}

/// What comes for a code. How long it lives is of no interest: it is used once, at once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProviderTokens {
    access_token: AccessToken,
    #[serde(deserialize_with = "oauth2::helpers::deserialize_untagged_enum_case_insensitive")]
    token_type: BasicTokenType,
    /// Google's. The type is the one that does not print.
    #[serde(default)]
    id_token: Option<AccessToken>,
}

impl TokenResponse for ProviderTokens {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    /// Naver writes it as a text, which the library does not read.
    fn expires_in(&self) -> Option<std::time::Duration> {
        None
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        None
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

type CodeClient = Client<
    BasicErrorResponse,
    ProviderTokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

pub(crate) struct SocialClient {
    pub(crate) provider: Provider,
    defaults: &'static Defaults,
    oauth: CodeClient,
    user_info_url: Url,
    id_tokens: Option<IdTokens>,
    upstream: Upstream,
}

impl SocialClient {
    /// As it stands in paths.
    pub(crate) fn path_name(&self) -> &'static str {
        self.defaults.path_name
    }

    /// Whether this is what the provider calls itself in `iss`. Only who has an issuer at all can be mistaken for another.
    pub(super) fn is_issuer(&self, issuer: &str) -> bool {
        self.id_tokens.as_ref().is_none_or(|tokens| tokens.is_issuer(issuer))
    }

    pub(super) fn authorization_url(
        &self,
        state: &State,
        nonce: &str,
        challenge: PkceCodeChallenge,
    ) -> Url {
        let state = CsrfToken::new(state.as_str().to_owned());
        let scopes = self.defaults.scopes.iter().map(|scope| Scope::new((*scope).to_owned()));
        let asked = self.oauth.authorize_url(|| state).add_scopes(scopes);
        let asked = asked.set_pkce_challenge(challenge);
        let asked = match &self.id_tokens {
            Some(_) => asked.add_extra_param("nonce", nonce),
            None => asked,
        };
        asked.url().0
    }

    /// The tokens for a code (RFC 6749 section 4.1.3). Naver asks for the state once more.
    pub(super) async fn exchange(
        &self,
        code: String,
        verifier: PkceCodeVerifier,
        state: &State,
    ) -> Result<ProviderTokens, SocialRefusal> {
        let asked = self
            .oauth
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(verifier)
            .add_extra_param("state", state.as_str());
        let post = |request| self.upstream.post(request);
        asked.request_async(&post).await.map_err(explain)
    }

    /// Who the tokens are for, as of this second, in the login with this nonce.
    pub(super) async fn profile(
        &self,
        tokens: &ProviderTokens,
        (nonce, now_s): (&str, i64),
    ) -> Result<Profile, SocialRefusal> {
        let subject = match &self.id_tokens {
            Some(id_tokens) => {
                let client_id = self.oauth.client_id().as_str();
                let expected = Expected { issuers: &[], client_id, nonce, now_s };
                let text = tokens.id_token.as_ref().ok_or(IdTokenFault::NoIdToken)?;
                Some(id_tokens.verify(text.secret(), expected).await?)
            }
            None => None,
        };
        let profile = self.user_info(&tokens.access_token).await?;
        // OpenID Connect Core section 5.3.2: else the token was somebody else's.
        if subject.is_some_and(|subject| subject != profile.identity.subject) {
            return Err(IdTokenFault::Subject.into());
        }
        Ok(profile)
    }

    async fn user_info(&self, token: &AccessToken) -> Result<Profile, SocialRefusal> {
        let body = self.upstream.get(self.user_info_url.clone(), token.secret()).await;
        let body = body.map_err(|error| SocialRefusal::Away(format!("user info: {error}")))?;
        match self.provider {
            Provider::Google => read::<google::GoogleUser>(&body),
            Provider::Naver => read::<naver::NaverUser>(&body),
            Provider::Kakao => read::<kakao::KakaoUser>(&body),
            Provider::Local => Err(SocialRefusal::NoSuchProvider),
        }
    }
}

pub(super) fn read<U: UserInfo>(body: &[u8]) -> Result<Profile, SocialRefusal> {
    // What the parser has to say may quote what it has read: somebody's name and address.
    let user: Result<U, _> = serde_json::from_slice(body);
    user.map_err(|_| SocialRefusal::Away("user info: not in its shape".to_owned()))?.profile()
}

/// An error of the provider is a refusal; whatever else goes wrong, it could not be asked.
fn explain(error: RequestTokenError<UpstreamError, BasicErrorResponse>) -> SocialRefusal {
    match error {
        RequestTokenError::ServerResponse(refusal) => {
            SocialRefusal::Refused(printable(refusal.error().as_ref()))
        }
        RequestTokenError::Request(error) => SocialRefusal::Away(format!("token: {error}")),
        // Without the body, and without what the parser quotes of it: it may be a token.
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            SocialRefusal::Away("token: not in its shape".to_owned())
        }
    }
}

/// An error code as RFC 6749 section 5.2 has it, of whatever the provider has sent.
pub(crate) fn printable(code: &str) -> String {
    code.chars().filter(char::is_ascii_graphic).take(MAX_ERROR_CHARS).collect()
}
