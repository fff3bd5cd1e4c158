//! Revocation (RFC 7009): a client ends a token that it has.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use shared::TokenError;

use crate::domain::handoff::HandoffName;
use crate::domain::handoff::name::PREFIX;
use crate::domain::login::EndedBy;
use crate::domain::registry::By;
use crate::domain::revoking::{revocation_of, revoke};
use crate::error::{CommandError, TokenRefusal};
use crate::handlers::asking::asked;
use crate::handlers::introspect::is_its_own;
use crate::state::AppState;

/// Answers when it is written down, and this server knows it. A root session ends with its own token.
pub(crate) async fn revoke_token(
    state: Data<AppState>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, TokenRefusal> {
    let (form, client) = asked(&state, &request, body).await?;
    let token = form.get("token").ok_or(TokenRefusal::BadRequest("token is missing"))?;
    // `token_type_hint` helps to find a token in a table (section 2.1); there is none.
    let done = || Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).finish());
    // A handoff ends with what has been made of it. Of one that is not this client's nothing is said.
    if token.starts_with(PREFIX) {
        state.handoffs.end_by_client(&HandoffName::of_id(token), &client.client.id).await?;
        return done();
    }
    let claims = match state.verifier.verify(token).await {
        Ok(token) => token.claims().clone(),
        Err(TokenError::KeysUnavailable(_)) => return Err(TokenRefusal::NoKey),
        // Section 2.2: what is not good any more, or never was, is as good as revoked.
        Err(_) => return done(),
    };
    let client = &client.client;
    if !is_its_own(client, &claims) {
        state.issuer.refused(client.id.as_str(), None, &TokenRefusal::NotItsToken);
        return Err(TokenRefusal::NotItsToken);
    }
    let by = By { actor: client.id.as_str(), now: state.issuer.now() };
    revoke(&state.revocations, (revocation_of(&claims), EndedBy::Logout), by)
        .await
        .map_err(unavailable)?;
    state.issuer.mirror.changed().await?;
    done()
}

fn unavailable(error: CommandError) -> TokenRefusal {
    match error {
        CommandError::Db(error) => error.into(),
        _ => TokenRefusal::CutOff,
    }
}
