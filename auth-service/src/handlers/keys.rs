//! The public keys (RFC 7517), for verifiers to keep.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::state::AppState;

/// How long verifiers may keep the keys, in seconds; at most a third of the time between a key's first publication and
/// its first signature.
const MAX_AGE_S: i64 = 300;

pub(crate) async fn show_keys(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    let keys = state.issuer.mirror.key_ring();
    let etag = keys.etag();
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = known.is_some_and(|known| known.split(',').any(|one| one.trim() == etag));
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    let max_age_s = MAX_AGE_S.min(state.issuer.mirror.schedule().lead.num_seconds() / 3);
    let cache = format!("public, max-age={max_age_s}");
    response.insert_header((CACHE_CONTROL, cache)).insert_header((ETAG, etag));
    if unchanged {
        return response.finish();
    }
    response.content_type("application/jwk-set+json").body(keys.jwks_json().to_owned())
}
