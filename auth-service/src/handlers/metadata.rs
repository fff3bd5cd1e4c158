//! What this server can do (RFC 8414 section 2).

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;
use shared::Algorithm;

use crate::handlers::token::{CLIENT_CREDENTIALS, SESSION_HANDOFF, TOKEN_EXCHANGE};
use crate::routes::{
    HANDOFFS_PATH, INTROSPECT_PATH, JWKS_PATH, REVOCATIONS_PATH, REVOKE_PATH, TOKEN_PATH,
    TOKENS_PATH,
};
use crate::state::AppState;

const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

pub(crate) async fn show_metadata(state: Data<AppState>) -> HttpResponse {
    let issuer = &state.issuer.terms.issuer;
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    let algorithms = Algorithm::ALL.map(Algorithm::name);
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "token_endpoint": at(TOKEN_PATH),
        "jwks_uri": at(JWKS_PATH),
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE, SESSION_HANDOFF],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint": at(INTROSPECT_PATH),
        "introspection_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint": at(REVOKE_PATH),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        // Ours: RFC 8414 section 2 allows for more.
        "token_batch_endpoint": at(TOKENS_PATH),
        "handoff_endpoint": at(HANDOFFS_PATH),
        "revocations_uri": at(REVOCATIONS_PATH),
        // Required by RFC 8414; there is no authorization endpoint, so there are none.
        "response_types_supported": [],
    }))
}
