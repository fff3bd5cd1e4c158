//! What an operator does over HTTP; the same as the commands of the binary.

pub(crate) mod audit;
pub(crate) mod clients;
pub(crate) mod handoffs;
pub(crate) mod keys;
pub(crate) mod policy;
pub(crate) mod revocations;

use actix_web::web::Data;
use shared::ApiError;
use shared::extractor::Caller;
use tracing::warn;

use crate::domain::registry::By;
use crate::error::CommandError;
use crate::state::AppState;

/// Who does it: the client, and on whose behalf if on anybody's.
fn actor(caller: &Caller) -> String {
    let claims = caller.claims();
    match &claims.session {
        Some(session) => format!("{} for user {}", claims.client_id, session.user_id()),
        None => claims.client_id.clone(),
    }
}

fn by<'a>(state: &Data<AppState>, actor: &'a str) -> By<'a> {
    By { actor, now: state.issuer.now() }
}

/// A change is answered when this server knows it, and the others have been told.
async fn seen(state: &Data<AppState>) -> Result<(), ApiError> {
    state.issuer.mirror.changed().await.map_err(|error| CommandError::Db(error).into())
}

/// The same where the answer holds what nobody can tell again: it is given in any case.
async fn seen_soon(state: &Data<AppState>) {
    if let Err(error) = state.issuer.mirror.changed().await {
        warn!(cause = %error, "a change is stored, and will be read when the database is back");
    }
}
