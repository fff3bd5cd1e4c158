//! Who else says who somebody is: clusters of their pods, providers of people.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared::Secret;
use url::Url;

use crate::config::unset;

/// A cluster (or whoever else issues service-account tokens in its shape) that is trusted to say who its pods are.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// What it is called in `service_account` of a client, for example `prod`.
    pub name: String,
    /// `iss` of its tokens, exactly.
    pub issuer: String,
    /// Where its public keys are: this or `jwks_file`.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// A file with the certificates that the server at `jwks_url` is known by.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A file with the keys; it is read again when a token names a key that is not in it.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// The one audience that its tokens have to have: that of the projected volume. Default `auth-service`.
    #[serde(default = "unset::audience")]
    pub audience: String,
    /// Older tokens are refused, in seconds since `iat`. Default 3600.
    #[serde(default = "unset::max_age_s")]
    pub max_age_s: u32,
}

/// A provider that people may come by. What is not said is as the provider has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SocialProvider {
    /// `google`, `naver` or `kakao`.
    pub name: SocialName,
    /// What the provider knows us by.
    pub client_id: String,
    /// The secret: this or `client_secret_file`.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// Where browsers are sent to.
    #[serde(default)]
    pub authorization_url: Option<Url>,
    /// Where a code becomes a token.
    #[serde(default)]
    pub token_url: Option<Url>,
    /// Where a token says who it is.
    #[serde(default)]
    pub user_info_url: Option<Url>,
    /// Where the keys of its ID tokens are. Google only.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// `iss` of its ID tokens. Google only.
    #[serde(default)]
    pub issuer: Option<String>,
}

/// Which provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SocialName {
    /// Google.
    Google,
    /// Naver.
    Naver,
    /// Kakao.
    Kakao,
}
