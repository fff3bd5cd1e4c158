//! Signing keys: their times, not the keys.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use shared::extractor::Caller;
use shared::openapi::one_of;
use shared::{Algorithm, ApiError, ApiResponse, Timestamp};
use utoipa::ToSchema;
use utoipa::openapi::Schema;

use crate::domain::key::KeyTimes;
use crate::domain::key_keeper::KeyKeeper;
use crate::handlers::admin::{actor, by, seen};
use crate::state::AppState;

fn algorithms() -> Schema {
    one_of(Algorithm::ALL.map(Algorithm::name)).into()
}

#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct KeyView {
    #[schema(examples("es256-2026-07"))]
    kid: String,
    #[schema(schema_with = algorithms)]
    algorithm: &'static str,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = DateTime)]
    signs_from: Timestamp,
    signs_now: bool,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = KeyRotation)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Withdraw all keys at once: every token is void.
    #[serde(default)]
    now: bool,
}

pub(crate) async fn list_keys(state: Data<AppState>) -> ApiResponse<Vec<KeyView>> {
    ApiResponse::ok(views(&state))
}

pub(crate) async fn rotate_keys(
    state: Data<AppState>,
    caller: Caller,
    body: Json<Rotation>,
) -> Result<ApiResponse<Vec<KeyView>>, ApiError> {
    let mirror = &state.issuer.mirror;
    let (master_keys, schedule) = (mirror.master_keys(), mirror.schedule());
    let keeper = KeyKeeper { keys: &state.keys, master_keys, schedule };
    let actor = actor(&caller);
    if body.now {
        keeper.withdraw(by(&state, &actor)).await?;
    } else {
        keeper.rotate(by(&state, &actor)).await?;
    }
    seen(&state).await?;
    Ok(ApiResponse::ok(views(&state)))
}

fn views(state: &AppState) -> Vec<KeyView> {
    let (ring, now) = (state.issuer.mirror.key_ring(), state.issuer.now());
    let signing = ring.signing(now).map(|signer| signer.kid().to_owned());
    let view = |times: &KeyTimes| KeyView {
        kid: times.kid.clone(),
        algorithm: times.algorithm.name(),
        created_at: times.created_at,
        signs_from: times.signs_from,
        signs_now: signing.as_ref() == Some(&times.kid),
    };
    ring.stored().iter().map(view).collect()
}
