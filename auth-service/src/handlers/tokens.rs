//! Many tokens in one call: a client that acts for thousands of sessions proves itself once.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use shared::{Scopes, Session};
use tracing::info;

use crate::authentication::Credentials;
use crate::domain::grant::Grant;
use crate::error::TokenRefusal;
use crate::handlers::asking::authenticated;
use crate::handlers::form::{InBody, credentials};
use crate::handlers::token::scope;
use crate::issuer::{Issued, Issuer};
use crate::mirror::directory::Registered;
use crate::state::AppState;

/// The most sessions in one call.
const MAX_SESSIONS: usize = 1_000;
/// So many of the longest ones, escaped, fit in.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
const JSON: &str = "application/json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
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

#[derive(Serialize)]
struct Answer {
    tokens: Vec<One>,
}

/// A token, or why there is none; at the place of its session.
#[derive(Serialize)]
#[serde(untagged)]
enum One {
    Token { access_token: String, token_type: &'static str, expires_in: i64, scope: Arc<str> },
    Refused { error: &'static str, error_description: String },
}

/// The longest call of a client holds no other back: each has its turn, and nothing is signed on the threads that serve.
pub(crate) async fn issue_tokens(
    state: Data<AppState>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, TokenRefusal> {
    let ask = read(&request, body).await.inspect_err(|refusal| refusal.log("unknown"))?;
    let client = authenticated(&state, &request, ask.credentials(&request)).await;
    let client = client.map_err(|(claimed, refusal)| {
        state.issuer.refused(&claimed, None, &refusal);
        refusal
    })?;
    let id = client.client.id.as_str();
    let refused = |refusal: &TokenRefusal| state.issuer.refused(id, None, refusal);
    state.issuer.check_age().inspect_err(refused)?;
    let scope = scope(ask.scope.as_deref()).inspect_err(refused)?;
    let _turn = state.batches.acquire().await.map_err(|_| TokenRefusal::Busy)?;
    let (issuer, own) = (state.issuer.clone(), Arc::clone(&client));
    let work = move || work(&issuer, &own, ask, scope);
    let done = actix_web::web::block(work).await.map_err(|_| TokenRefusal::CutOff)?;
    let (json, granted, sessions) = done.inspect_err(refused)?;
    info!(
        client.id = id,
        granted, sessions, "issued {granted} of {sessions} tokens to client {id}"
    );
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type(JSON).body(json))
}

async fn read(request: &HttpRequest, body: Payload) -> Result<Ask, TokenRefusal> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
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

/// The answer as it is sent, how many tokens are in it, and of how many asked.
fn work(
    issuer: &Issuer,
    client: &Registered,
    ask: Ask,
    scope: Option<Scopes>,
) -> Result<(Vec<u8>, usize, usize), TokenRefusal> {
    let audiences = ask.resource.into_iter().collect();
    let grant = Grant::new(&client.client, &issuer.terms, (scope, audiences))?;
    let shown: Arc<str> = grant.scope().to_string().into();
    let one = |session: &String| match sign(issuer, &grant, session) {
        Ok(issued) => One::Token {
            access_token: issued.token.expose().to_owned(),
            token_type: "Bearer",
            expires_in: issued.claims.exp - issued.claims.iat,
            scope: Arc::clone(&shown),
        },
        Err(refusal) => {
            issuer.refused(client.client.id.as_str(), Some(session), &refusal);
            One::Refused { error: refusal.code(), error_description: refusal.description() }
        }
    };
    let answer = Answer { tokens: ask.sessions.iter().map(one).collect() };
    let granted = answer.tokens.iter().filter(|one| matches!(one, One::Token { .. })).count();
    // Of texts and numbers: it cannot fail.
    Ok((serde_json::to_vec(&answer).unwrap_or_default(), granted, answer.tokens.len()))
}

fn sign(issuer: &Issuer, grant: &Grant<'_>, session: &str) -> Result<Issued, TokenRefusal> {
    let session = Session::parse(session)
        .map_err(|_| TokenRefusal::BadRequest("the session is not a session"))?;
    issuer.issue_blocking(grant.claims(Some(session), issuer.now())?)
}
