//! The same service in axum: `cargo run -p shared --features axum --example axum_service`
//!
//! It trusts the auth-service at http://127.0.0.1:9000 (another one: `-- <url>`), is called `example-service` in tokens,
//! and listens on 127.0.0.1:8081 (elsewhere: `-- <url> <address>`).

use axum::Router;
use axum::routing::{get, post};
use shared::tower::{RequireLayer, SessionLayer};
use shared::{Expectation, MaybeSession, Policy, RemoteKeys, RevocationFeed, Session};

async fn greet(caller: MaybeSession) -> String {
    match caller {
        MaybeSession::Known(session) => format!("hello, user {}", session.user_id()),
        MaybeSession::Anonymous => "hello, stranger".to_owned(),
    }
}

async fn whoami(session: Session) -> String {
    format!(r#"{{"data":{}}}"#, session.as_json())
}

async fn settle(session: Session) -> String {
    format!(r#"{{"data":"settled for company {}"}}"#, session.company_id())
}

fn router() -> Router {
    let require = |policy| RequireLayer::new(policy);
    Router::new()
        .route("/whoami", get(whoami).layer(require(Policy::SESSION)))
        .route("/settle", post(settle).layer(require(Policy::SESSION.and_scope("example:settle"))))
        .route("/hello", get(greet))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().unwrap_or_else(|| "http://127.0.0.1:9000".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    let jwks_url = format!("{issuer}/.well-known/jwks.json");
    let revocations_url = format!("{issuer}/oauth2/revocations");
    let audience = "example-service".to_owned();
    let expectation = Expectation { issuer, audience, max_lifetime_s: 3600 };
    let (verifier, keys) = RemoteKeys::verifier(&jwks_url, expectation)?;
    let (verifier, _feed) = RevocationFeed::following(verifier, &keys, &revocations_url)?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router().layer(SessionLayer::new(verifier))).await?;
    Ok(())
}
