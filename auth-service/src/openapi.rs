//! What the routes do, in words for whoever writes a client.

mod admin;
mod oauth;
mod people;
mod wire;

use shared::openapi::{CLIENT, Document, client_secret, cookie};

use crate::handlers::login::REFRESH_COOKIE;
use crate::reply::account::TAKEN;
use crate::routes::WITH_TOKENS;
use crate::user_api::Taken;

/// The refresh token, in its cookie.
const REFRESH: &str = "refreshCookie";

/// The document of this service.
pub fn document() -> Document {
    let refresh = cookie(
        REFRESH_COOKIE,
        "The refresh token of a login. Browsers keep it; no script reads it.",
    );
    Document::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        "Tokens for services, logins for people, and what operators do with both.",
    )
    .scheme(CLIENT, client_secret())
    .scheme(REFRESH, refresh)
    .tokens_on(|path| WITH_TOKENS.iter().any(|own| path.starts_with(own)))
    .detail::<Taken>(&TAKEN)
    .group(("Tokens", "OAuth 2.0: what services ask. Errors are those of RFC 6749."), oauth::all())
    .group(("Logins", "Signing in, staying signed in, signing out."), people::logins())
    .group(("Providers", "Coming in by Google, Naver or Kakao."), people::providers())
    .group(
        (
            "Account page",
            "A page for people, and what it asks of user-service through this server.",
        ),
        people::page(),
    )
    .group(("Internal", "For user-service, and for nobody else."), people::internal())
    .group(
        ("Administration", "What operators do; the same as the commands of the binary."),
        admin::all(),
    )
}
