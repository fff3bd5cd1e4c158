//! Handing a session on, and using what was handed on: neither is a grant that the library knows.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use serde::Deserialize;
use url::Url;

use super::wire::{Limits, away, send};
use super::{ACCESS_TOKEN_TYPE, ClientCredentials, repeatable};
use crate::client::token_source::client_proof::Shown;
use crate::client::token_source::handoff::{HandOffRequest, Handoff, HandoffRefusal, TIMEOUT};
use crate::client::token_source::{IssuedToken, TokenFetchError, TokenRequest};
use crate::clock::Timestamp;
use crate::scopes::Scopes;
use crate::token::AccessToken;
use crate::trace::{Activity, TraceContext};

/// A hint only (RFC 7009 section 2.1): the id is known at sight.
const TOKEN_TYPE: &str = "urn:baton:oauth:token-type:session-handoff";
const SESSION_HANDOFF: &str = "urn:baton:oauth:grant-type:session-handoff";
/// All processes of a client use one token of a handoff as long as it is good: whoever asks again, and whoever's answer was
/// lost, gets the same, and no use is counted.
const REDEMPTION: &str = "shared";
const LIMITS: Limits = Limits { timeout: TIMEOUT, max_bytes: 64 * 1024 };

type Fields = Vec<(&'static str, String)>;

#[derive(Deserialize)]
struct Redeemed {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: u64,
    #[serde(default)]
    handed_on_in: Option<String>,
}

#[derive(Deserialize)]
struct HandedOn {
    handoff: String,
    resource: BTreeSet<String>,
    scope: Scopes,
    max_uses: u32,
    not_before: i64,
    not_after: i64,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    handoff_refusal: Option<String>,
    #[serde(default)]
    ended_by: Option<String>,
}

/// A token of what was handed on. What it is needed for is linked with the request in which that was.
pub(super) async fn redeem(
    source: &ClientCredentials,
    request: &TokenRequest,
) -> Result<IssuedToken, TokenFetchError> {
    let none = || TokenFetchError::Nonsense("nothing was handed on for this request".to_owned());
    let (id, purpose) = request.handoff().ok_or_else(none)?;
    let shown = source.proof.show().await?;
    let mut fields: Fields = vec![
        ("grant_type", SESSION_HANDOFF.to_owned()),
        ("handoff", id.to_owned()),
        ("redemption_id", REDEMPTION.to_owned()),
        ("resource", request.audience().to_owned()),
    ];
    if !request.scope().is_empty() {
        fields.push(("scope", request.scope().to_string()));
    }
    fields.extend(purpose.map(|purpose| ("purpose", purpose.to_owned())));
    let body = post(source, source.endpoint.as_url(), (fields, &shown)).await?;
    let redeemed: Redeemed = serde_json::from_slice(&body).map_err(unreadable)?;
    if !redeemed.token_type.eq_ignore_ascii_case("bearer") {
        return Err(TokenFetchError::Nonsense("token_type is not Bearer".to_owned()));
    }
    let origin = redeemed.handed_on_in.as_deref().and_then(TraceContext::parse);
    if let Some(origin) = origin {
        Activity::with_current(|activity| activity.caused_by(origin));
    }
    let lifetime = Duration::from_secs(redeemed.expires_in);
    Ok(IssuedToken { token: AccessToken::new(redeemed.access_token), lifetime })
}

pub(super) async fn hand_off(
    source: &ClientCredentials,
    request: &HandOffRequest,
) -> Result<Handoff, TokenFetchError> {
    let url = url_beside(source, "handoffs")?;
    let shown = source.proof.show().await?;
    let body = post(source, &url, (said(request), &shown)).await?;
    let answer: HandedOn = serde_json::from_slice(&body).map_err(unreadable)?;
    let no_time = || TokenFetchError::Nonsense("a time is none".to_owned());
    let at = |seconds| DateTime::from_timestamp(seconds, 0).ok_or_else(no_time);
    Ok(Handoff {
        id: answer.handoff,
        resources: answer.resource,
        scope: answer.scope,
        max_uses: answer.max_uses,
        not_before: at(answer.not_before)?,
        not_after: at(answer.not_after)?,
    })
}

pub(super) async fn end(source: &ClientCredentials, id: &str) -> Result<(), TokenFetchError> {
    let url = url_beside(source, "revoke")?;
    let shown = source.proof.show().await?;
    let fields = vec![("token", id.to_owned()), ("token_type_hint", TOKEN_TYPE.to_owned())];
    post(source, &url, (fields, &shown)).await.map(drop)
}

fn said(request: &HandOffRequest) -> Fields {
    let mut fields: Fields = vec![
        ("subject_token", request.subject.expose().to_owned()),
        ("subject_token_type", ACCESS_TOKEN_TYPE.to_owned()),
        ("purpose", request.purpose.clone()),
        ("executor", request.executor.clone()),
    ];
    let seconds = |at: Timestamp| at.timestamp().to_string();
    fields.extend(request.resources.iter().map(|resource| ("resource", resource.clone())));
    fields.extend(request.scope.as_ref().map(|scope| ("scope", scope.to_string())));
    fields.extend(request.max_uses.map(|uses| ("max_uses", uses.to_string())));
    fields.extend(request.not_before.map(|at| ("not_before", seconds(at))));
    fields.extend(request.not_after.map(|at| ("not_after", seconds(at))));
    if request.outlives_logout {
        fields.push(("outlives_logout", "true".to_owned()));
    }
    fields
}

/// The body of a good answer.
async fn post(
    source: &ClientCredentials,
    url: &Url,
    (mut fields, shown): (Fields, &Shown),
) -> Result<Vec<u8>, TokenFetchError> {
    fields.extend(shown.client_id.iter().map(|id| ("client_id", id.clone())));
    fields.extend(shown.parameters().map(|(name, value)| (name, value.to_owned())));
    let request = source.http.post(url.clone()).header(ACCEPT, "application/json").form(&fields);
    let (status, body) = send(&source.http, request.build().map_err(away)?, LIMITS).await?;
    if matches!(status, StatusCode::OK | StatusCode::CREATED) {
        return Ok(body);
    }
    let refusal: Refusal = serde_json::from_slice(&body).map_err(unreadable)?;
    let description = repeatable(&refusal.error_description, shown);
    Err(match &refusal.handoff_refusal {
        Some(word) => {
            let ended_by = refusal.ended_by.as_deref().map(|by| repeatable(by, shown));
            TokenFetchError::Handoff(HandoffRefusal::of(word, (ended_by.as_deref(), &description)))
        }
        None => TokenFetchError::Refused { code: repeatable(&refusal.error, shown), description },
    })
}

/// Where a server has it that gives tokens at `.../token`: beside that.
fn url_beside(source: &ClientCredentials, name: &str) -> Result<Url, TokenFetchError> {
    let url = super::batch::url_beside_as(source.endpoint.as_url(), name);
    url.ok_or_else(|| TokenFetchError::Nonsense(format!("the server has no place for {name}")))
}

/// The parser's own words are left out: they may quote a token.
fn unreadable(error: serde_json::Error) -> TokenFetchError {
    let place = format!("line {} column {}", error.line(), error.column());
    TokenFetchError::Nonsense(format!("the answer is not as it has to be at {place}"))
}
