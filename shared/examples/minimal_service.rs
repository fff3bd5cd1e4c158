//! A service of its own behind the session: `cargo run -p shared --example minimal_service`
//!
//! It trusts the auth-service at http://127.0.0.1:9000 (another one: `-- <url>`), is called `example-service` in tokens,
//! and listens on 127.0.0.1:8080 (elsewhere: `-- <url> <address>`).

use shared::health::Readiness;
use shared::server::{self, Listen, ListenerFiles, Parts};
use shared::{ApiResponse, Expectation, MaybeSession, RemoteKeys, RevocationFeed, Routes, Session};

async fn greet(caller: MaybeSession) -> ApiResponse<String> {
    ApiResponse::ok(match caller {
        MaybeSession::Known(session) => format!("hello, user {}", session.user_id()),
        MaybeSession::Anonymous => "hello, stranger".to_owned(),
    })
}

async fn whoami(session: Session) -> ApiResponse<Session> {
    ApiResponse::ok(session)
}

async fn settle(session: Session) -> ApiResponse<String> {
    ApiResponse::ok(format!("settled for company {}", session.company_id()))
}

/// Forget a policy, and the service says so in place of starting.
#[rustfmt::skip]
fn routes() -> Routes {
    Routes::new()
        .get("/hello", greet).optional()
        .get("/whoami", whoami).session()
        .post("/settle", settle).session().scope("example:settle")
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().unwrap_or_else(|| "http://127.0.0.1:9000".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let jwks_url = format!("{issuer}/.well-known/jwks.json");
    let revocations_url = format!("{issuer}/oauth2/revocations");
    let audience = "example-service".to_owned();
    let expectation = Expectation { issuer, audience, max_lifetime_s: 3600 };
    let (verifier, keys) = RemoteKeys::verifier(&jwks_url, expectation)?;
    let (verifier, feed) = RevocationFeed::following(verifier, &keys, &revocations_url)?;
    let parts = Parts::new(Readiness::new()).with_issuer(verifier, &keys).with_revocations(&feed);
    let listen = Listen {
        address,
        management_address: "127.0.0.1:0".to_owned(),
        workers: 2,
        tls: ListenerFiles::default(),
    };
    let server = server::bind(&listen, parts, routes)?;
    println!("http://{}  health http://{}/readyz", server.address(), server.management_address());
    Ok(server.run_until_signal().await?)
}
