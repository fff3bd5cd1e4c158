//! Every path, its method, its guard. All are public: clients authenticate at the token endpoint itself.

use actix_web::web::{ServiceConfig, get, post, resource};

use crate::handlers::{keys, metadata, token};

pub(crate) const TOKEN_PATH: &str = "/oauth2/token";
pub(crate) const JWKS_PATH: &str = "/.well-known/jwks.json";

pub(crate) fn configure(app: &mut ServiceConfig) {
    app.service(
        resource("/.well-known/oauth-authorization-server")
            .route(get().to(metadata::show_metadata)),
    )
    .service(resource(JWKS_PATH).route(get().to(keys::show_keys)))
    .service(resource(TOKEN_PATH).route(post().to(token::issue_token)));
}
