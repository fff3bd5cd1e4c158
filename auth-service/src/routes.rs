//! Every path, its method, its policy. All are public: clients authenticate at the token endpoint itself.

use shared::Routes;

use crate::handlers::{keys, metadata, token};

pub(crate) const TOKEN_PATH: &str = "/oauth2/token";
pub(crate) const JWKS_PATH: &str = "/.well-known/jwks.json";

#[rustfmt::skip]
pub fn routes() -> Routes {
    Routes::new()
        .get("/.well-known/oauth-authorization-server", metadata::show_metadata).public()
        .get(JWKS_PATH, keys::show_keys).public()
        .post(TOKEN_PATH, token::issue_token).public()
}
