//! The token endpoint (RFC 6749 section 3.2).

use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use shared::{AccessToken, Claims, Scopes, Session};
use tracing::info;

use crate::domain::client::{Client, SecretHash};
use crate::domain::grant::{self, TokenAsk};
use crate::domain::policy::MaybeAsked;
use crate::error::TokenRefusal;
use crate::handlers::form::{Credentials, Form, MAX_FORM_BYTES};
use crate::state::AppState;

/// RFC 6749 section 5.1. There is no refresh token in it: section 4.4.3.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
}

pub(crate) async fn issue_token(
    state: Data<AppState>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, TokenRefusal> {
    let body = read(body).await?;
    let form = Form::parse(&request, &body).inspect_err(|refusal| refusal.log("unknown"))?;
    let credentials = form.credentials(&request).inspect_err(|refusal| refusal.log("unknown"))?;
    let issued = issue(&state, &form, &credentials).await;
    let (token, claims) = issued.inspect_err(|refusal| refusal.log(&credentials.client_id))?;
    log_issued(&claims);
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"))
        .json(TokenAnswer {
            access_token: token.expose(),
            token_type: "Bearer",
            expires_in: claims.exp - claims.iat,
            scope: claims.scope.to_string(),
        }))
}

async fn read(body: Payload) -> Result<Bytes, TokenRefusal> {
    let read = body.to_bytes_limited(MAX_FORM_BYTES).await;
    let within_limit = read.map_err(|_| TokenRefusal::TooLarge)?;
    within_limit.map_err(|_| TokenRefusal::BadRequest("the body broke off"))
}

async fn issue(
    state: &AppState,
    form: &Form,
    credentials: &Credentials,
) -> Result<(AccessToken, Claims), TokenRefusal> {
    let client = authenticate(state, credentials).await?;
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(TokenRefusal::GrantType),
        None => return Err(TokenRefusal::BadRequest("grant_type is missing")),
    }
    let ask = ask(form)?;
    let now = state.clock.now();
    let claims = grant::grant_client_credentials(&client, ask, &state.terms, now)?;
    let token = state.keys.signer().sign(&claims)?;
    Ok((token, claims))
}

async fn authenticate(state: &AppState, credentials: &Credentials) -> Result<Client, TokenRefusal> {
    let found = state.clients.find(&credentials.client_id).await?;
    let nobody = SecretHash::of_nobody();
    let hash = found.as_ref().map_or(&nobody, |(_, hash)| hash);
    let matches = hash.matches(&credentials.secret);
    found.filter(|_| matches).map(|(client, _)| client).ok_or(TokenRefusal::Client)
}

fn ask(form: &Form) -> Result<TokenAsk, TokenRefusal> {
    let scope: Option<Scopes> = form.get("scope").map(str::parse).transpose()?;
    if scope.as_ref().is_some_and(Scopes::is_empty) {
        return Err(TokenRefusal::MalformedScope);
    }
    let session = match form.get("session") {
        None => MaybeAsked::Nobody,
        Some(text) => MaybeAsked::Session(
            Session::parse(text)
                .map_err(|_| TokenRefusal::BadRequest("the session is not a session"))?,
        ),
    };
    Ok(TokenAsk { scope, audiences: form.resources(), session })
}

fn log_issued(claims: &Claims) {
    info!(
        client.id = claims.client_id,
        token.id = claims.jti,
        ttl_s = claims.exp - claims.iat,
        scope = %claims.scope,
        company = claims.session.as_ref().map(|session| session.company_id().get()),
        user = claims.session.as_ref().map(|session| session.user_id().get()),
        "issued token to client {}", claims.client_id
    );
}
