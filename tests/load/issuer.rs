//! [`PublishedIssuer`]: tokens for a service that is measured by itself, and the keys where it looks for them.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;
use shared::testing::TestIssuer;
use shared::{Algorithm, Session, SystemClock};

use crate::harness::Failure;

/// The `iss` of the tokens.
pub const ISSUER: &str = "https://auth.example";

pub struct PublishedIssuer {
    issuer: TestIssuer,
    jwks_url: String,
}

impl PublishedIssuer {
    pub fn start() -> Result<Self, Failure> {
        let issuer = TestIssuer::new(Algorithm::Es256, SystemClock::shared());
        let issuer = issuer.map_err(|error| error.to_string())?.named(ISSUER);
        let jwks = json!({ "keys": [issuer.signer().public_key()] }).to_string();
        Ok(Self { issuer, jwks_url: publish(jwks)? })
    }

    pub fn jwks_url(&self) -> &str {
        &self.jwks_url
    }

    /// A person's token, good for an hour.
    pub fn token(&self, (audience, scope): (&str, &str), session: &str) -> Result<String, Failure> {
        let session = Session::parse(session)?;
        let user = session.user_id().to_string();
        let mut claims = self.issuer.claims(audience, scope.parse()?, Some(session));
        (claims.sub, claims.exp) = (user, claims.iat + 3600);
        let token = self.issuer.sign(&claims).map_err(|error| error.to_string())?;
        Ok(token.expose().to_owned())
    }
}

/// Serves the keys for as long as the program runs.
fn publish(jwks: String) -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/jwks.json", listener.local_addr()?);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let length = jwks.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            );
            // Who hangs up asks again.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(format!("{head}{jwks}").as_bytes());
        }
    });
    Ok(url)
}
