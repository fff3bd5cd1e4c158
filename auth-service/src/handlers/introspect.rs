//! Introspection (RFC 7662): what a token says, for the client that it was issued to or is meant for.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use shared::Claims;

use crate::domain::client::Client;
use crate::error::TokenRefusal;
use crate::handlers::asking::asked;
use crate::state::AppState;

pub(crate) async fn introspect(
    state: Data<AppState>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, TokenRefusal> {
    let (form, client) = asked(&state, &request, body).await?;
    state.issuer.check_age()?;
    let token = form.get("token").ok_or(TokenRefusal::BadRequest("token is missing"))?;
    let verified = state.verifier.verify(token).await.ok();
    // Section 2.2: of a token that is not good, or none of the client's business, there is no more to say.
    let seen = verified.filter(|token| is_its_own(&client.client, token.claims()));
    let answer = seen.map_or_else(|| json!({"active": false}), |token| shown(token.claims()));
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}

/// Whether the token was issued to the client, or is meant for it.
pub(super) fn is_its_own(client: &Client, claims: &Claims) -> bool {
    claims.client_id == client.id.as_str() || client.is_among(&claims.aud)
}

fn shown(claims: &Claims) -> Value {
    let mut shown = serde_json::to_value(claims).unwrap_or_default();
    shown["active"] = json!(true);
    shown["token_type"] = json!("Bearer");
    // Section 2.2 has a text, where a token of ours has a list.
    shown["scope"] = json!(claims.scope.to_string());
    shown
}
