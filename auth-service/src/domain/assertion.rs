//! Client assertions (RFC 7523 section 3): a JWT by which a client says who it is. It is signed by the client's own key
//! (`private_key_jwt`), or by a cluster for the service account of a pod.

use serde::Deserialize;

use crate::domain::audiences;

/// `client_assertion_type` (RFC 7523 section 2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest time for which a client may sign an assertion of its own, in seconds.
const MAX_AHEAD_S: i64 = 300;
/// How far clocks may differ, in seconds.
pub(crate) const LEEWAY_S: i64 = 30;
/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 200;
/// What comes before namespace and name in the `sub` of a service account.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// What an assertion says.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Assertion {
    pub(crate) iss: String,
    pub(crate) sub: String,
    #[serde(deserialize_with = "audiences::one_or_many")]
    pub(crate) aud: Vec<String>,
    pub(crate) exp: i64,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    pub(crate) jti: Option<String>,
    #[serde(default, rename = "kubernetes.io")]
    kubernetes: Option<Kubernetes>,
}

/// What a cluster adds to its tokens.
#[derive(Clone, Debug, Deserialize)]
struct Kubernetes {
    namespace: String,
    serviceaccount: Named,
    #[serde(default)]
    pod: Option<Named>,
}

#[derive(Clone, Debug, Deserialize)]
struct Named {
    name: String,
}

/// Why an assertion proves nothing. The client hears `invalid_client`; this is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssertionRefusal {
    #[error("the assertion is no JWT with iss, sub, aud and exp")]
    NoJwt,
    #[error("iss and sub of the assertion are not one client")]
    Subject,
    #[error("the assertion is for another audience, or for more than one")]
    Audience,
    #[error("the assertion has expired")]
    Expired,
    #[error("the assertion is not good yet")]
    NotYet,
    #[error("the assertion is good for longer than {MAX_AHEAD_S} s")]
    TooLong,
    #[error("the assertion has no jti")]
    NoJti,
    #[error("the assertion has been used before")]
    Replayed,
    #[error("the service account's token is older than is allowed")]
    TooOld,
    #[error("not the token of a pod's service account")]
    NoServiceAccount,
    #[error("no client is declared for this service account")]
    UnknownServiceAccount,
    #[error("the signature of the assertion: {0}")]
    Signature(String),
}

impl Assertion {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, AssertionRefusal> {
        serde_json::from_slice(payload).map_err(|_| AssertionRefusal::NoJwt)
    }

    /// The rules for an assertion that a client has signed itself. `audiences` are the names of this server. Gives the
    /// `jti`, which must not have been used before.
    pub(crate) fn check_own(
        &self,
        audiences: &[&str],
        now_s: i64,
    ) -> Result<&str, AssertionRefusal> {
        if self.iss != self.sub {
            return Err(AssertionRefusal::Subject);
        }
        self.check_audience(audiences)?;
        self.check_times(now_s)?;
        if self.exp.saturating_sub(now_s) > MAX_AHEAD_S + LEEWAY_S {
            return Err(AssertionRefusal::TooLong);
        }
        let jti = self.jti.as_deref().filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()));
        jti.ok_or(AssertionRefusal::NoJti)
    }

    /// The rules for the token of a pod's service account. Gives the account, `namespace:name`. Such a token is used
    /// until it ends, so there is no look at its `jti`.
    pub(crate) fn check_service_account(
        &self,
        audience: &str,
        (max_age_s, now_s): (i64, i64),
    ) -> Result<&str, AssertionRefusal> {
        self.check_audience(&[audience])?;
        self.check_times(now_s)?;
        let issued_at = self.iat.ok_or(AssertionRefusal::TooOld)?;
        if now_s.saturating_sub(issued_at) > max_age_s {
            return Err(AssertionRefusal::TooOld);
        }
        let account = self.sub.strip_prefix(SERVICE_ACCOUNT);
        let account = account.ok_or(AssertionRefusal::NoServiceAccount)?;
        // A token that is bound to no pod is of the old kind, which lies in a Secret for ever.
        let bound = self.kubernetes.as_ref().filter(|own| {
            own.pod.as_ref().is_some_and(|pod| !pod.name.is_empty())
                && account.split_once(':')
                    == Some((own.namespace.as_str(), own.serviceaccount.name.as_str()))
        });
        bound.map(|_| account).ok_or(AssertionRefusal::NoServiceAccount)
    }

    /// Exactly one audience, and it is ours: whoever else it is for could use it, too.
    fn check_audience(&self, ours: &[&str]) -> Result<(), AssertionRefusal> {
        match self.aud.as_slice() {
            [one] if ours.contains(&one.as_str()) => Ok(()),
            _ => Err(AssertionRefusal::Audience),
        }
    }

    fn check_times(&self, now_s: i64) -> Result<(), AssertionRefusal> {
        if self.exp.saturating_add(LEEWAY_S) <= now_s {
            return Err(AssertionRefusal::Expired);
        }
        let begins = self.nbf.unwrap_or(i64::MIN).max(self.iat.unwrap_or(i64::MIN));
        if begins > now_s + LEEWAY_S { Err(AssertionRefusal::NotYet) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
