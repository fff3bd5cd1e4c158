//! The providers as they are declared in the settings.

use std::sync::Arc;

use oauth2::{AuthType, AuthUrl, Client, ClientId, ClientSecret, RedirectUrl, TokenUrl};
use shared::client::{PlainHosts, ServiceUrl};
use shared::tls::ClientTls;
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
    (clock, tls): (&Arc<dyn Clock>, &ClientTls),
) -> Result<Vec<SocialClient>, String> {
    let upstream = Upstream::open(tls).map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use shared::clock::SystemClock;

    use super::*;
    use crate::domain::social::attempt::State;

    fn provider(name: SocialName) -> SocialProvider {
        SocialProvider {
            name,
            client_id: "client".to_owned(),
            client_secret: Some(Secret::new("s3cret")),
            client_secret_file: None,
            authorization_url: None,
            token_url: None,
            user_info_url: None,
            jwks_url: None,
            issuer: None,
        }
    }

    fn open(social: Vec<SocialProvider>) -> Result<Vec<SocialClient>, String> {
        let config = Config::embedded("sqlite://memory", std::path::Path::new("key"));
        let config = Config { social, ..config.map_err(|error| error.to_string())? };
        let clock: Arc<dyn Clock> = SystemClock::shared();
        open_all(&config, "https://auth.test/", (&clock, &ClientTls::default()))
    }

    #[test]
    fn without_addresses_of_their_own_they_are_where_they_are() -> Result<(), String> {
        let all = [SocialName::Google, SocialName::Naver, SocialName::Kakao];
        let state = State::random().map_err(|error| error.to_string())?;
        let hosts = ["accounts.google.com", "nid.naver.com", "kauth.kakao.com"];
        for (client, host) in open(all.map(provider).into())?.iter().zip(hosts) {
            let challenge = oauth2::PkceCodeChallenge::new_random_sha256().0;
            let url = client.authorization_url(&state, "nonce", challenge);
            assert_eq!(url.host_str(), Some(host));
            let redirect = format!("https://auth.test/login/oauth2/code/{}", client.path_name());
            assert!(
                url.query_pairs().any(|(name, value)| name == "redirect_uri" && value == redirect)
            );
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_used_is_refused_at_the_start() {
        let own = || provider(SocialName::Naver);
        let url = |text: &str| Url::parse(text).ok();
        let table = [
            (vec![own(), own()], "twice"),
            (vec![SocialProvider { client_id: String::new(), ..own() }], "client_id"),
            (vec![SocialProvider { client_secret: None, ..own() }], "set one of"),
            (vec![SocialProvider { client_secret: Some(Secret::new("")), ..own() }], "empty"),
            (
                vec![SocialProvider { client_secret_file: Some("file".into()), ..own() }],
                "set one of",
            ),
            (
                vec![SocialProvider {
                    client_secret: None,
                    client_secret_file: Some("/nowhere/secret".into()),
                    ..own()
                }],
                "/nowhere/secret",
            ),
            (
                vec![SocialProvider { token_url: url("http://provider.test/token"), ..own() }],
                "http",
            ),
            (vec![SocialProvider { user_info_url: url("ftp://provider.test"), ..own() }], "http"),
        ];
        for (social, word) in table {
            let shown = format!("{social:?}");
            assert!(!shown.contains("s3cret"), "{shown}");
            let cause = open(social).err().unwrap_or_default();
            assert!(cause.contains(word), "{shown}: {cause}");
        }
    }
}
