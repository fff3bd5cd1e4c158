//! What this server can do (RFC 8414 section 2).

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::routes::{JWKS_PATH, TOKEN_PATH};
use crate::state::AppState;

pub(crate) async fn show_metadata(state: Data<AppState>) -> HttpResponse {
    let issuer = &state.terms.issuer;
    let root = issuer.trim_end_matches('/');
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{root}{TOKEN_PATH}"),
        "jwks_uri": format!("{root}{JWKS_PATH}"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        // Required by RFC 8414; there is no authorization endpoint, so there are none.
        "response_types_supported": [],
    }))
}
