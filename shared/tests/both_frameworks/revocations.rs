//! Revoked tokens, and routes that need to know for certain that one is not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::{
    Reason, Revocation, RevocationKind, RevocationSource, Revocations, Session, SessionSource,
};

use crate::{
    AUDIENCE, KEY, NOW_S, Pair, SESSION, Verdict, envelope, invalid, no_session, ok, refusal,
    verdict,
};

#[derive(Default)]
struct Known {
    revocations: Revocations,
    staleness: Mutex<Option<Duration>>,
}

impl RevocationSource for Known {
    fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    fn staleness(&self) -> Option<Duration> {
        *self.staleness.lock().unwrap()
    }
}

async fn pair() -> (Pair, Arc<Known>) {
    let known = Arc::<Known>::default();
    let held = Arc::clone(&known);
    let pair = Pair::start(move |issuer, clock| {
        let verifier = issuer.verifier(AUDIENCE).unwrap().with_revocations(Arc::clone(&held));
        SessionSource::token(verifier).or_gateway(envelope(AUDIENCE, KEY, clock))
    });
    (pair.await, known)
}

fn stale() -> Verdict {
    refusal(503, "C008", "")
}

#[actix_web::test]
async fn both_refuse_a_revoked_token_on_every_route_also_when_they_have_known_it() {
    let (pair, known) = pair().await;
    let bearer = format!("Bearer {}", pair.token("order:read", Some(SESSION)));
    let headers = [("Authorization", bearer.as_str())];
    for _ in 0..3 {
        assert_eq!(pair.ask("GET /orders", &headers).await.0, ok());
    }
    let (kind, value) = (RevocationKind::User, "200".to_owned());
    let entry = Revocation { seq: 1, kind, value, before: Some(NOW_S), exp: NOW_S + 3600 };
    known.revocations.insert(entry);
    let challenge = r#"Bearer error="invalid_token", error_description="the token is revoked""#;
    for request in ["GET /orders", "GET /public", "POST /pay"] {
        assert_eq!(pair.ask(request, &headers).await.0, refusal(401, "A004", challenge));
    }
    assert_eq!(pair.refused(Reason::Revoked), 3);
    let service = format!("Bearer {}", pair.token("order:settle", None));
    assert_eq!(pair.ask("POST /settle", &[("Authorization", &service)]).await.0, ok());
}

#[actix_web::test]
async fn both_put_off_a_route_that_needs_fresher_revocations_and_no_other() {
    let (pair, known) = pair().await;
    let bearer = format!("Bearer {}", pair.token("order:read", Some(SESSION)));
    let headers = [("Authorization", bearer.as_str())];
    let table = [
        (None, stale()),
        (Some(Duration::from_millis(10_001)), stale()),
        (Some(Duration::from_secs(10)), ok()),
        (Some(Duration::ZERO), ok()),
    ];
    for (staleness, expected) in table {
        *known.staleness.lock().unwrap() = staleness;
        let (answer, said) = pair.ask("POST /pay", &headers).await;
        assert_eq!(answer, expected, "{staleness:?}");
        let later = "Please try again in a moment.2";
        assert_eq!(said, if answer == ok() { "paid" } else { later });
        assert_eq!(pair.ask("GET /orders", &headers).await.0, ok());
    }
    assert_eq!(pair.refused(Reason::RevocationsStale), 2);
    assert_eq!(pair.ask("POST /pay", &[]).await.0, no_session());
    assert_eq!(pair.ask("POST /pay", &[("Authorization", "Bearer x")]).await.0, invalid());
}

/// A gateway's session is no token, and nobody can say whether it was revoked.
#[actix_web::test]
async fn both_put_off_the_session_of_a_gateway_where_revocations_have_to_be_known() {
    let (pair, known) = pair().await;
    *known.staleness.lock().unwrap() = Some(Duration::ZERO);
    let (gateway, session) =
        (envelope(AUDIENCE, KEY, &pair.clock), Session::parse(SESSION).unwrap());
    for server in &pair.servers {
        for (method, path, expected) in [("POST", "/pay", stale()), ("GET", "/orders", ok())] {
            let sealed = gateway.seal(&session, (method, path));
            let headers =
                [("x-session", &*sealed.session), ("x-session-envelope", &*sealed.envelope)];
            let answer = server.ask(&format!("{method} {path}"), &headers).await;
            assert_eq!(verdict(&answer), expected, "{} {path}", server.name);
        }
    }
}

#[actix_web::test]
async fn without_a_feed_nothing_is_ever_known_for_certain() {
    let pair = Pair::with_tokens().await;
    let bearer = format!("Bearer {}", pair.token("order:read", Some(SESSION)));
    assert_eq!(pair.ask("POST /pay", &[("Authorization", &bearer)]).await.0, stale());
}
