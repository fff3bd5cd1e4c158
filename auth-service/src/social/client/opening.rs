//! The providers as they are declared in the settings.

use std::sync::Arc;

use oauth2::{AuthType, AuthUrl, Client, ClientId, ClientSecret, RedirectUrl, TokenUrl};
use shared::client::{PlainHosts, ServiceUrl};
use shared::{Clock, Secret};
use url::Url;

use crate::config::{Config, SocialName, SocialProvider};
use crate::domain::person::Provider;
use crate::social::client::SocialClient;
use crate::social::id_tokens::IdTokens;
use crate::social::upstream::Upstream;
use crate::social::{CALLBACK_PATH, google, kakao, naver};

/// All that are declared, each once.
pub(in crate::social) fn open_all(
    config: &Config,
    issuer: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<SocialClient>, String> {
    let upstream = Upstream::open().map_err(|error| error.to_string())?;
    let mut clients: Vec<SocialClient> = Vec::new();
    for declared in &config.social {
        let opening = Opening { declared, plain: &config.plain_http_hosts, issuer, clock };
        let client = opening.client(&upstream);
        let client = client.map_err(|cause| format!("{:?}: {cause}", declared.name))?;
        if clients.iter().any(|other| other.provider == client.provider) {
            return Err(format!("{:?} is declared twice", declared.name));
        }
        clients.push(client);
    }
    Ok(clients)
}

/// A provider as it is declared, and what else is needed to speak to it.
struct Opening<'o> {
    declared: &'o SocialProvider,
    plain: &'o PlainHosts,
    issuer: &'o str,
    clock: &'o Arc<dyn Clock>,
}

impl Opening<'_> {
    fn client(&self, upstream: &Upstream) -> Result<SocialClient, String> {
        let own = self.declared;
        let (provider, defaults) = match own.name {
            SocialName::Google => (Provider::Google, &google::DEFAULTS),
            SocialName::Naver => (Provider::Naver, &naver::DEFAULTS),
            SocialName::Kakao => (Provider::Kakao, &kakao::DEFAULTS),
        };
        let authorization_url = self.url(&own.authorization_url, defaults.authorization_url)?;
        let token_url = self.url(&own.token_url, defaults.token_url)?;
        let user_info_url = self.url(&own.user_info_url, defaults.user_info_url)?;
        let redirect =
            format!("{}{CALLBACK_PATH}{}", self.issuer.trim_end_matches('/'), defaults.path_name);
        let redirect = RedirectUrl::new(redirect).map_err(|error| error.to_string())?;
        let oauth = Client::new(ClientId::new(self.client_id()?))
            .set_client_secret(ClientSecret::new(self.secret()?.expose().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::from_url(authorization_url))
            .set_token_uri(TokenUrl::from_url(token_url))
            .set_redirect_uri(redirect);
        let (id_tokens, upstream) = (self.id_tokens(upstream)?, upstream.clone());
        Ok(SocialClient { provider, defaults, oauth, user_info_url, id_tokens, upstream })
    }

    fn client_id(&self) -> Result<String, String> {
        let id = self.declared.client_id.clone();
        if id.is_empty() { Err("`client_id` is empty".to_owned()) } else { Ok(id) }
    }

    fn secret(&self) -> Result<Secret, String> {
        let secret = match (&self.declared.client_secret, &self.declared.client_secret_file) {
            (Some(secret), None) => secret.clone(),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
                Secret::new(text.trim())
            }
            _ => return Err("set one of `client_secret` and `client_secret_file`".to_owned()),
        };
        if secret.expose().is_empty() { Err("the secret is empty".to_owned()) } else { Ok(secret) }
    }

    fn id_tokens(&self, upstream: &Upstream) -> Result<Option<IdTokens>, String> {
        if self.declared.name != SocialName::Google {
            return Ok(None);
        }
        let jwks_url = self.url(&self.declared.jwks_url, google::JWKS_URL)?;
        let issuers = match &self.declared.issuer {
            Some(issuer) => vec![issuer.clone()],
            None => google::ISSUERS.map(str::to_owned).into(),
        };
        Ok(Some(IdTokens::new(upstream.keys(jwks_url, self.clock), issuers)))
    }

    /// Codes, secrets and tokens go there, so it takes TLS, but on this machine or where the settings say so.
    fn url(&self, declared: &Option<Url>, default: &str) -> Result<Url, String> {
        let url = match declared {
            Some(url) => url.clone(),
            None => Url::parse(default).map_err(|error| error.to_string())?,
        };
        let url = ServiceUrl::with_plain(url, self.plain).map_err(|error| error.to_string())?;
        Ok(url.as_url().clone())
    }
}
