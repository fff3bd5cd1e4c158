//! Asks the issuer what is new, and believes only what it has signed.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::client::http::{capped_body, describe};
use crate::token::TokenError;
use crate::token::jws::{JwsType, verify_jws};
use crate::token::remote_keys::RemoteKeys;
use crate::token::revocation::{Revocation, RevocationKind};

/// How long the issuer may wait for something new before it answers.
pub(super) const WAIT: Duration = Duration::from_secs(2);
/// What the answer may take beyond that, from connecting to the last byte.
const ON_THE_WAY: Duration = Duration::from_secs(3);
/// The longest answer that we read.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// What the answer says that it is (RFC 8725 section 3.11): a token of the same issuer is none.
const TYPE: &str = "revocations+jwt";
/// How old an answer may be, by its `iat`, and how far our clocks may differ. One that is replayed must not keep us
/// believing that nothing has happened since.
const MAX_AGE_S: u64 = 60;

/// Where revocations are asked for, and whom to believe.
pub(super) struct Asking {
    pub(super) url: Url,
    pub(super) issuer: String,
    pub(super) keys: RemoteKeys,
}

/// What the issuer says.
#[derive(Deserialize)]
pub(super) struct Answer {
    iss: String,
    iat: i64,
    /// What was asked for, as the issuer has understood it.
    pub(super) after: i64,
    /// What to ask for the next time.
    pub(super) next: i64,
    /// Whether there is more already.
    #[serde(default)]
    pub(super) more: bool,
    /// The entity tag of the key set; empty where the issuer does not say.
    #[serde(default)]
    pub(super) keys: String,
    entries: Vec<Value>,
}

impl Answer {
    /// The entries, and how many are of kinds that we do not know: the issuer is newer than we are.
    pub(super) fn entries(&mut self) -> Result<(Vec<Revocation>, usize), String> {
        let entries = std::mem::take(&mut self.entries);
        let all = entries.len();
        let known = entries.into_iter().filter(is_known).map(serde_json::from_value);
        let known: Vec<Revocation> = known
            .collect::<Result<_, _>>()
            .map_err(|error| format!("an entry cannot be read: {error}"))?;
        let unknown = all - known.len();
        Ok((known, unknown))
    }
}

/// Whatever does not even name its kind is no entry, and an error.
fn is_known(entry: &Value) -> bool {
    match entry.get("kind") {
        Some(kind @ Value::String(_)) => RevocationKind::deserialize(kind).is_ok(),
        _ => true,
    }
}

impl Asking {
    /// What is new since `after`; waits for a while where there is nothing, and the keys are still those that are known.
    pub(super) async fn ask(
        &self,
        after: i64,
        keys: Option<&str>,
        wait: Duration,
    ) -> Result<Answer, String> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("after", &after.to_string())
            .append_pair("wait", &wait.as_secs().to_string());
        if let Some(keys) = keys {
            url.query_pairs_mut().append_pair("keys", keys);
        }
        let request = self.keys.http().get(url).timeout(wait + ON_THE_WAY);
        let response = request.send().await.map_err(|error| describe(&error.without_url()))?;
        if response.status() != StatusCode::OK {
            return Err(format!("the issuer answered {}", response.status()));
        }
        let body = capped_body(response, MAX_ANSWER_BYTES).await;
        let body = body.map_err(|error| error.to_string())?;
        let text = String::from_utf8(body).map_err(|_| "the answer is no JWS".to_owned())?;
        let payload = self.verify(text.trim_ascii()).await.map_err(|error| error.to_string())?;
        let answer: Answer = serde_json::from_slice(&payload)
            .map_err(|error| format!("the answer cannot be read: {error}"))?;
        self.check(&answer)?;
        Ok(answer)
    }

    /// A key that we do not know yet is fetched at once: it is the issuer that has named it, not a stranger.
    async fn verify(&self, text: &str) -> Result<Vec<u8>, TokenError> {
        let typ = JwsType::Exactly(TYPE);
        match verify_jws(&self.keys, text, typ, MAX_ANSWER_BYTES).await {
            Err(TokenError::UnknownKey) if self.keys.fetch_anew().await => {
                verify_jws(&self.keys, text, typ, MAX_ANSWER_BYTES).await
            }
            verdict => verdict,
        }
    }

    fn check(&self, answer: &Answer) -> Result<(), String> {
        if answer.iss != self.issuer {
            return Err("the answer is of another issuer".to_owned());
        }
        let age_s = self.keys.clock().now().timestamp().saturating_sub(answer.iat);
        if age_s.unsigned_abs() > MAX_AGE_S {
            return Err(format!("the answer is {age_s} s old"));
        }
        Ok(())
    }
}
