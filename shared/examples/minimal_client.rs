//! Calls the example service on behalf of two users:
//! `cargo run -p shared --example minimal_client -- <secret of the client demo>`
//!
//! auth-service is at http://127.0.0.1:9000 and the service at http://127.0.0.1:8080; elsewhere:
//! `-- <secret> <url of auth-service> <url of the service>`.

use std::sync::Arc;

use shared::client::http::{Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::ClientCredentials;
use shared::client::{ServiceClient, Target};
use shared::{Secret, Session, SystemClock};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let secret = arguments.next().ok_or("the secret of the client `demo` is missing")?;
    let auth = arguments.next().unwrap_or_else(|| "http://127.0.0.1:9000".to_owned());
    let service = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());

    let http = http_client(Timeouts::default())?;
    let endpoint = format!("{auth}/oauth2/token").parse()?;
    let source = ClientCredentials::new(http.clone(), endpoint, "demo", &Secret::new(secret));
    let tokens = TokenCache::new(Arc::new(source), SystemClock::shared());
    let target = Target::new(service.parse()?, "example-service", "example:settle".parse()?);
    let client = ServiceClient::new(http, tokens.clone(), target);

    for user in [1, 2] {
        let session = Session::parse(&format!(r#"{{"companyId":100,"userId":{user}}}"#))?;
        let caller = client.with_session(&session);
        for _ in 0..3 {
            let seen: serde_json::Value = caller.get("/whoami").fetch().await?;
            println!("the service sees {seen}");
        }
        let settled: String = caller.post("/settle").fetch().await?;
        println!("{settled}");
    }
    let counts = tokens.counts();
    println!("8 calls, {} tokens fetched", counts.fetched);
    Ok(())
}
