//! The token endpoint (RFC 6749 section 3.2).

use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use shared::{Claims, Scopes, Session};
use utoipa::ToSchema;

use crate::domain::exchange::{self, ExchangeAsk};
use crate::domain::grant::{self, TokenAsk};
use crate::domain::handoff::redeeming::RedeemAsk;
use crate::domain::handoff::{HandoffName, UseLine};
use crate::domain::policy::MaybeAsked;
use crate::domain::purpose::Purpose;
use crate::error::TokenRefusal;
use crate::handlers::asking::asked;
use crate::handlers::form::Form;
use crate::issuer::Issued;
use crate::mirror::directory::Registered;
use crate::state::AppState;

pub(crate) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Ours: RFC 6749 section 4.5 leaves room for it.
pub(crate) const SESSION_HANDOFF: &str = "urn:baton:oauth:grant-type:session-handoff";
/// RFC 8693 section 3.
const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";

/// RFC 6749 section 5.1. There is no refresh token in it: section 4.4.3.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedToken)]
pub(crate) struct TokenAnswer<'a> {
    #[schema(examples(
        "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJiYXRjaCJ9.c2lnbmF0dXJl"
    ))]
    access_token: &'a str,
    /// RFC 8693 section 2.2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("urn:ietf:params:oauth:token-type:access_token"))]
    issued_token_type: Option<&'static str>,
    #[schema(examples("Bearer"))]
    token_type: &'static str,
    /// In seconds.
    #[schema(examples(300))]
    expires_in: i64,
    #[schema(examples("order:read order:write"))]
    scope: String,
    /// The request in which the session was handed on, as its `traceparent`; for a handoff.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    handed_on_in: Option<String>,
    /// How often the handoff may be used after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    uses_left: Option<u32>,
}

/// A token, and what there is to say with it.
#[derive(Default)]
struct Beside {
    issued_token_type: Option<&'static str>,
    handed_on_in: Option<String>,
    uses_left: Option<u32>,
}

pub(crate) async fn issue_token(
    state: Data<AppState>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, TokenRefusal> {
    let (form, client) = asked(&state, &request, body).await?;
    let granted = grant(&state, &client, &form).await;
    let (issued, beside) = granted.inspect_err(|refusal| {
        state.issuer.refused(client.client.id.as_str(), form.get("session"), refusal);
    })?;
    let claims = &issued.claims;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"))
        .json(TokenAnswer {
            access_token: issued.token.expose(),
            issued_token_type: beside.issued_token_type,
            token_type: "Bearer",
            expires_in: claims.exp - claims.iat,
            scope: claims.scope.to_string(),
            handed_on_in: beside.handed_on_in,
            uses_left: beside.uses_left,
        }))
}

async fn grant(
    state: &AppState,
    client: &Registered,
    form: &Form,
) -> Result<(Issued, Beside), TokenRefusal> {
    state.issuer.check_age()?;
    match form.get("grant_type") {
        Some(CLIENT_CREDENTIALS) => {
            Ok((client_credentials(state, client, form).await?, Beside::default()))
        }
        Some(TOKEN_EXCHANGE) => {
            let issued_token_type = Some(ACCESS_TOKEN_TYPE);
            let issued = token_exchange(state, client, form).await?;
            Ok((issued, Beside { issued_token_type, ..Beside::default() }))
        }
        Some(SESSION_HANDOFF) => session_handoff(state, client, form).await,
        Some(_) => Err(TokenRefusal::GrantType),
        None => Err(TokenRefusal::BadRequest("grant_type is missing")),
    }
}

async fn client_credentials(
    state: &AppState,
    client: &Registered,
    form: &Form,
) -> Result<Issued, TokenRefusal> {
    let session = form.get("session").map_or(Ok(MaybeAsked::Nobody), asked_for)?;
    let ask =
        TokenAsk { scope: scope(form.get("scope"))?, audiences: form.all("resource"), session };
    let issuer = &state.issuer;
    let claims = grant::grant_client_credentials(&client.client, ask, &issuer.terms, issuer.now())?;
    issuer.issue(claims).await
}

/// The session that a token is asked for.
pub(super) fn asked_for(text: &str) -> Result<MaybeAsked, TokenRefusal> {
    let session = Session::parse(text);
    let session = session.map_err(|_| TokenRefusal::BadRequest("the session is not a session"))?;
    Ok(MaybeAsked::Session(session))
}

/// A scope parameter (RFC 6749 section 3.3). One that is there names a scope.
pub(super) fn scope(text: Option<&str>) -> Result<Option<Scopes>, TokenRefusal> {
    let scope: Option<Scopes> = text.map(str::parse).transpose()?;
    if scope.as_ref().is_some_and(Scopes::is_empty) {
        return Err(TokenRefusal::MalformedScope);
    }
    Ok(scope)
}

async fn token_exchange(
    state: &AppState,
    client: &Registered,
    form: &Form,
) -> Result<Issued, TokenRefusal> {
    check_types(form)?;
    let subject = received(state, form).await?;
    let mut audiences = form.all("resource");
    audiences.extend(form.all("audience"));
    let scope = scope(form.get("scope"))?;
    let ask = ExchangeAsk { subject, audiences, scope };
    let issuer = &state.issuer;
    issuer.issue(exchange::exchange(&client.client, ask, &issuer.terms, issuer.now())?).await
}

/// The token that the client has received: one that is good.
pub(super) async fn received(state: &AppState, form: &Form) -> Result<Claims, TokenRefusal> {
    let subject = form.get("subject_token");
    let subject = subject.ok_or(TokenRefusal::BadRequest("subject_token is missing"))?;
    // What came of a token that was revoked a moment ago would outlive it.
    state.issuer.mirror.read_if_it_answers().await;
    let subject = state.verifier.verify(subject).await;
    let subject = subject.map_err(|error| TokenRefusal::SubjectToken(error.to_string()))?;
    Ok(subject.claims().clone())
}

async fn session_handoff(
    state: &AppState,
    client: &Registered,
    form: &Form,
) -> Result<(Issued, Beside), TokenRefusal> {
    let handoff = form.get("handoff").ok_or(TokenRefusal::BadRequest("handoff is missing"))?;
    let purpose = form.get("purpose").map(Purpose::parse).transpose();
    let mut audiences = form.all("resource");
    audiences.extend(form.all("audience"));
    let name = HandoffName::of_id(handoff);
    let line = form.get("redemption_id").map(|word| {
        UseLine::parse(word).ok_or(TokenRefusal::BadRequest("redemption_id is no word"))
    });
    let ask = RedeemAsk {
        purpose: purpose.map_err(|_| TokenRefusal::BadRequest("purpose is no name of one"))?,
        audiences,
        scope: scope(form.get("scope"))?,
        line: line.transpose()?,
    };
    let made = state.handoffs.redeem(&client.client, (&name, &ask)).await?;
    let (handed_on_in, uses_left) = (made.trace, Some(made.uses_left));
    Ok((made.issued, Beside { issued_token_type: None, handed_on_in, uses_left }))
}

fn is_access_token(form: &Form, name: &str) -> bool {
    form.get(name).is_some_and(|own| [ACCESS_TOKEN_TYPE, JWT_TYPE].contains(&own))
}

pub(super) fn check_subject_type(form: &Form) -> Result<(), TokenRefusal> {
    if is_access_token(form, "subject_token_type") {
        return Ok(());
    }
    Err(TokenRefusal::BadRequest("subject_token_type is that of an access token"))
}

/// Access tokens for access tokens; the client itself is the actor.
fn check_types(form: &Form) -> Result<(), TokenRefusal> {
    check_subject_type(form)?;
    let requested = "requested_token_type";
    if form.get(requested).is_some() && !is_access_token(form, requested) {
        return Err(TokenRefusal::BadRequest("requested_token_type is that of an access token"));
    }
    if form.get("actor_token").is_some() || form.get("actor_token_type").is_some() {
        return Err(TokenRefusal::BadRequest("the client itself is the actor: no actor_token"));
    }
    Ok(())
}
