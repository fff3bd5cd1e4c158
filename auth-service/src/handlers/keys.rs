//! The public keys (RFC 7517), for verifiers to keep.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::state::AppState;

/// Verifiers may keep the keys for five minutes.
const CACHE: &str = "public, max-age=300";

pub(crate) async fn show_keys(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    let etag = state.keys.etag();
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = known.is_some_and(|known| known.split(',').any(|one| one.trim() == etag));
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((CACHE_CONTROL, CACHE)).insert_header((ETAG, etag));
    if unchanged {
        return response.finish();
    }
    response.content_type("application/jwk-set+json").body(state.keys.jwks_json().to_owned())
}
