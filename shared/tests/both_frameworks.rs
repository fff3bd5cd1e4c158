//! One table of cases, served by actix and by axum: who gets in, who does not, and in which words.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "support/raw_http.rs"]
mod raw_http;

#[path = "both_frameworks/servers.rs"]
mod servers;
#[path = "both_frameworks/tokens.rs"]
mod tokens;
#[path = "both_frameworks/revocations.rs"]
mod revocations;
#[path = "both_frameworks/gateway.rs"]
mod gateway;
#[path = "both_frameworks/fetched_keys.rs"]
mod fetched_keys;
#[path = "both_frameworks/preflight.rs"]
mod preflight;
#[path = "both_frameworks/guard_alone.rs"]
mod guard_alone;
#[path = "both_frameworks/grpc.rs"]
mod grpc;

use std::net::SocketAddr;
use std::sync::Arc;

use shared::gateway::GatewayEnvelope;
use shared::testing::{StoppedClock, TestIssuer};
use shared::{Algorithm, Reason, Scopes, Secret, Session, SessionSource};

use raw_http::Answer;
use servers::{start_actix, start_axum};

const NOW_S: i64 = 1_800_000_000;
const AUDIENCE: &str = "order-service";
const KEY: &str = "a key that gateway and service share, 32 bytes or more";
const SESSION: &str = r#"{"companyId":100,"userId":200,"roles":["clerk"]}"#;

/// Status, code, challenge.
type Verdict = (u16, String, String);

/// The same service twice, each with counters of its own.
struct Pair {
    clock: StoppedClock,
    issuer: TestIssuer,
    servers: [Server; 2],
}

struct Server {
    name: &'static str,
    address: SocketAddr,
    source: SessionSource,
}

impl Pair {
    /// A service that takes tokens.
    async fn with_tokens() -> Self {
        Self::start(|issuer, _| SessionSource::token(issuer.verifier(AUDIENCE).unwrap())).await
    }

    /// One that takes a gateway's envelopes, too.
    async fn with_gateway() -> Self {
        Self::start(|issuer, clock| {
            let token = SessionSource::token(issuer.verifier(AUDIENCE).unwrap());
            token.or_gateway(envelope(AUDIENCE, KEY, clock))
        })
        .await
    }

    async fn start(source: impl Fn(&TestIssuer, &StoppedClock) -> SessionSource) -> Self {
        let clock = StoppedClock::at(NOW_S);
        let issuer = TestIssuer::new(Algorithm::Es256, Arc::new(clock.clone())).unwrap();
        let (actix, axum) = (source(&issuer, &clock), source(&issuer, &clock));
        let servers = [
            Server { name: "actix", address: start_actix(actix.clone()).await, source: actix },
            Server { name: "axum", address: start_axum(axum.clone()).await, source: axum },
        ];
        Self { clock, issuer, servers }
    }

    fn token(&self, scope: &str, session: Option<&str>) -> String {
        let scope: Scopes = scope.parse().unwrap();
        let session = session.map(|text| Session::parse(text).unwrap());
        let claims = self.issuer.claims(AUDIENCE, scope, session);
        self.issuer.sign(&claims).unwrap().expose().to_owned()
    }

    /// Asks both; they have to say the same.
    async fn ask(&self, request_line: &str, headers: &[(&str, &str)]) -> (Verdict, String) {
        let mut answers = Vec::new();
        for server in &self.servers {
            let answer = server.ask(request_line, headers).await;
            if answer.status >= 400 {
                assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
            }
            answers.push((verdict(&answer), said(&answer)));
        }
        assert_eq!(answers[0], answers[1], "{request_line} {headers:?}: actix, then axum");
        answers.swap_remove(0)
    }

    /// How often callers were refused for this reason; the same in both.
    fn refused(&self, reason: Reason) -> u64 {
        let count = |server: &Server| {
            let all = server.source.refusals();
            all.into_iter().find(|(own, _)| *own == reason).map(|(_, count)| count).unwrap()
        };
        let [actix, axum] = &self.servers;
        assert_eq!(count(actix), count(axum), "{reason:?}");
        count(actix)
    }
}

impl Server {
    async fn ask(&self, request_line: &str, headers: &[(&str, &str)]) -> Answer {
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{request_line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAccept-Language: en\r\n{headers}\r\n"
        );
        raw_http::send(self.address, request.as_bytes()).await
    }
}

fn envelope(audience: &str, key: &str, clock: &StoppedClock) -> GatewayEnvelope {
    GatewayEnvelope::new(audience, &Secret::new(key), Arc::new(clock.clone()))
}

fn verdict(answer: &Answer) -> Verdict {
    let code = answer.json()["errorCode"].as_str().unwrap_or_default().to_owned();
    (answer.status, code, answer.header("www-authenticate").unwrap_or_default().to_owned())
}

/// What the handler said, or the message of the envelope, and how soon to come back.
fn said(answer: &Answer) -> String {
    let message = answer.json()["message"].as_str().map(str::to_owned);
    let retry_after = answer.header("retry-after").unwrap_or_default();
    format!("{}{retry_after}", message.unwrap_or_else(|| answer.body.clone()))
}

fn ok() -> Verdict {
    (200, String::new(), String::new())
}

fn refusal(status: u16, code: &str, challenge: &str) -> Verdict {
    (status, code.to_owned(), challenge.to_owned())
}

fn invalid() -> Verdict {
    refusal(
        401,
        "A002",
        r#"Bearer error="invalid_token", error_description="the token is not valid""#,
    )
}

fn no_session() -> Verdict {
    refusal(401, "A001", "Bearer")
}
