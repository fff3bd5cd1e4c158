//! Many tokens in one call: a client that acts for thousands of sessions proves itself once.

use std::fmt::Write;
use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use shared::{Claims, Scopes};
use tracing::info;
use utoipa::ToSchema;

use crate::authentication::Credentials;
use crate::domain::grant::{Grant, TokenIds};
use crate::error::TokenRefusal;
use crate::handlers::asking::{authenticated, unproved};
use crate::handlers::form::{InBody, credentials};
use crate::handlers::token::{asked_for, scope};
use crate::issuer::Issuer;
use crate::mirror::directory::Registered;
use crate::state::AppState;

/// The most sessions in one call.
const MAX_SESSIONS: usize = 1_000;
/// So many of the longest ones, escaped, fit in.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// So many sessions count as one more request of the client.
const SESSIONS_A_REQUEST: u32 = 20;
const JSON: &str = "application/json";

#[derive(Deserialize, ToSchema)]
#[schema(as = TokensRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    client_assertion_type: Option<String>,
    #[serde(default)]
    client_assertion: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    resource: Vec<String>,
    /// Sessions, each as JSON text.
    #[schema(min_items = 1, max_items = 1_000, examples(json!(r#"{"companyId":100,"userId":200}"#)))]
    sessions: Vec<String>,
}

impl Ask {
    fn credentials(&self, request: &HttpRequest) -> Result<Credentials, TokenRefusal> {
        let body = InBody {
            client_id: self.client_id.as_deref(),
            client_secret: self.client_secret.as_deref(),
            assertion_type: self.client_assertion_type.as_deref(),
            assertion: self.client_assertion.as_deref(),
        };
        credentials(request, body)
    }
}

/// A token's place in the answer, when there is none.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedToken)]
pub(crate) struct Refused {
    error: &'static str,
    error_description: String,
}

/// Nothing is signed on the threads that serve: each call has its turn on another one, and short ones at the token
/// endpoint do not wait for it.
pub(crate) async fn issue_tokens(
    state: Data<AppState>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, TokenRefusal> {
    let ask = read(&request, body).await.inspect_err(|refusal| refusal.log("unknown"))?;
    let client = authenticated(&state, &request, ask.credentials(&request)).await;
    let client = client.map_err(|(claimed, refusal)| unproved(&state, &claimed, refusal))?;
    let weight = NonZeroU32::MIN.saturating_add(ask.sessions.len() as u32 / SESSIONS_A_REQUEST);
    let limits = &state.authenticator.limits;
    limits.check_weight(client.client.id.text(), weight).map_err(TokenRefusal::from)?;
    let id = client.client.id.as_str();
    let refused = |refusal: &TokenRefusal| state.issuer.refused(id, None, refusal);
    state.issuer.check_age().inspect_err(refused)?;
    let scope = scope(ask.scope.as_deref()).inspect_err(refused)?;
    let _turn = state.batches.acquire().await.map_err(|_| TokenRefusal::Busy)?;
    let (issuer, own) = (state.issuer.clone(), Arc::clone(&client));
    let work = move || work(&issuer, &own, ask, scope);
    let done = actix_web::web::block(work).await.map_err(|_| TokenRefusal::CutOff)?;
    let Answer { json, granted, sessions, .. } = done.inspect_err(refused)?;
    info!(
        client.id = id,
        granted, sessions, "issued {granted} of {sessions} tokens to client {id}"
    );
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type(JSON).body(json))
}

async fn read(request: &HttpRequest, body: Payload) -> Result<Ask, TokenRefusal> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !request.query_string().is_empty() {
        return Err(TokenRefusal::BadRequest("parameters belong into the body"));
    }
    if !essence.trim().eq_ignore_ascii_case(JSON) {
        return Err(TokenRefusal::MediaType(JSON));
    }
    let read = body.to_bytes_limited(MAX_BODY_BYTES).await.map_err(|_| TokenRefusal::TooLarge)?;
    let body = read.map_err(|_| TokenRefusal::BadRequest("the body broke off"))?;
    let ask: Ask = serde_json::from_slice(&body).map_err(|_| {
        TokenRefusal::BadRequest("the body is not the JSON asked for: sessions is a list of texts")
    })?;
    if (1..=MAX_SESSIONS).contains(&ask.sessions.len()) {
        Ok(ask)
    } else {
        Err(TokenRefusal::BadRequest("sessions are 1 to 1,000"))
    }
}

/// An answer that is being written: `{"tokens":[...]}`, a token or an error at the place of each session.
struct Answer {
    ids: TokenIds,
    json: String,
    granted: usize,
    sessions: usize,
}

/// So many bytes for each token, to begin with.
const BYTES_EACH: usize = 1_024;

/// A thousand tokens are a megabyte: it is written once, and not put together from parts.
fn work(
    issuer: &Issuer,
    client: &Registered,
    ask: Ask,
    scope: Option<Scopes>,
) -> Result<Answer, TokenRefusal> {
    let audiences = ask.resource.into_iter().collect();
    let grant = Grant::new(&client.client, &issuer.terms, (scope, audiences))?;
    let sessions = ask.sessions.len();
    let json = String::with_capacity(sessions * BYTES_EACH);
    let ids = TokenIds::with_capacity(sessions);
    let mut answer = Answer { ids, json, granted: 0, sessions };
    let scope = grant.scope().to_string();
    for (place, session) in ask.sessions.iter().enumerate() {
        answer.json.push_str(if place == 0 { r#"{"tokens":["# } else { "," });
        if let Err(refusal) = answer.add(issuer, &grant, (session, &scope)) {
            issuer.refused(client.client.id.as_str(), Some(session), &refusal);
        }
    }
    answer.json.push_str("]}");
    Ok(answer)
}

impl Answer {
    /// A token and a scope have no character that JSON would escape (RFC 7515 section 2, RFC 6749 section 3.3).
    fn add(
        &mut self,
        issuer: &Issuer,
        grant: &Grant<'_>,
        (session, scope): (&str, &str),
    ) -> Result<(), TokenRefusal> {
        let start = self.json.len();
        self.json.push_str(r#"{"access_token":""#);
        let claims = self
            .granted(issuer, grant, session)
            .and_then(|claims| issuer.issue_blocking(claims, &mut self.json));
        match claims {
            Ok(claims) => {
                self.granted += 1;
                let ttl_s = claims.exp - claims.iat;
                // To a text it cannot fail.
                let _ = write!(
                    self.json,
                    r#"","token_type":"Bearer","expires_in":{ttl_s},"scope":"{scope}"}}"#
                );
                Ok(())
            }
            Err(refusal) => {
                self.json.truncate(start);
                let (error, error_description) = (refusal.code(), refusal.description());
                let refused = serde_json::to_string(&Refused { error, error_description });
                // Of two texts: it cannot fail.
                self.json.push_str(&refused.unwrap_or_default());
                Err(refusal)
            }
        }
    }

    fn granted(
        &mut self,
        issuer: &Issuer,
        grant: &Grant<'_>,
        session: &str,
    ) -> Result<Claims, TokenRefusal> {
        Ok(grant.claims(asked_for(session)?, (issuer.now(), &mut self.ids))?)
    }
}
