//! Who asks at an OAuth endpoint, and what: the same for each of them.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Payload;
use shared::trace::Activity;

use crate::authentication::Credentials;
use crate::error::TokenRefusal;
use crate::handlers::form::Form;
use crate::mirror::directory::Registered;
use crate::state::AppState;

/// The form, and the client that has proved that it sent it. A refusal is written down, with who asked.
pub(super) async fn asked(
    state: &AppState,
    request: &HttpRequest,
    body: Payload,
) -> Result<(Form, Arc<Registered>), TokenRefusal> {
    let form = Form::read(request, body).await;
    let form = form.inspect_err(|refusal| refusal.log("unknown"))?;
    let client = authenticated(state, request, form.credentials(request)).await;
    let client = client.map_err(|(claimed, refusal)| unproved(state, &claimed, refusal))?;
    Ok((form, client))
}

/// Writes down a refusal of somebody who has not proved who he is: what else he says is not kept.
pub(super) fn unproved(state: &AppState, claimed: &str, refusal: TokenRefusal) -> TokenRefusal {
    state.issuer.refused(claimed, None, &refusal);
    refusal
}

/// The client, if it may ask just now; else who he claimed to be, and why not.
pub(super) async fn authenticated(
    state: &AppState,
    request: &HttpRequest,
    credentials: Result<Credentials, TokenRefusal>,
) -> Result<Arc<Registered>, (String, TokenRefusal)> {
    let nobody = |refusal| ("unknown".to_owned(), refusal);
    let authenticator = &state.authenticator;
    let address = authenticator.limits.address(request);
    authenticator.limits.check_address(address).map_err(|often| nobody(often.into()))?;
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(refusal) => {
            authenticator
                .limits
                .failed(address, "unknown")
                .map_err(|often| nobody(often.into()))?;
            return Err(nobody(refusal));
        }
    };
    let refused = |refusal| (credentials.claimed().to_owned(), refusal);
    let client = authenticator.authenticate(&credentials, address).await.map_err(refused)?;
    Activity::with_current(|activity| activity.client_identified(client.client.id.as_str()));
    let id = client.client.id.text();
    authenticator.limits.check_client(id).map_err(|often| refused(often.into()))?;
    Ok(client)
}
