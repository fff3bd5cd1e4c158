//! A session in a header: believed in its envelope only, once, and never beside a token.

use std::time::Duration;

use shared::gateway::SealedSession;
use shared::{Reason, Session};

use crate::{
    AUDIENCE, KEY, Pair, SESSION, Server, Verdict, envelope, invalid, no_session, ok, verdict,
};

const OTHER: &str = r#"{"companyId":1,"userId":1,"roles":["admin"]}"#;

impl Pair {
    fn seal(&self, (method, target): (&str, &str)) -> SealedSession {
        let session = Session::parse(SESSION).unwrap();
        envelope(AUDIENCE, KEY, &self.clock).seal(&session, (method, target))
    }

    /// Asks both with an envelope of its own each: one is good for one request.
    async fn ask_sealed(&self, target: &str, change: impl Fn(&mut SealedSession)) -> Verdict {
        let mut verdicts = Vec::new();
        for server in &self.servers {
            let mut sealed = self.seal(("GET", target));
            change(&mut sealed);
            verdicts.push(server.ask_with(target, &sealed).await);
        }
        assert_eq!(verdicts[0], verdicts[1], "{target}: actix, then axum");
        verdicts.swap_remove(0)
    }
}

impl Server {
    async fn ask_with(&self, target: &str, sealed: &SealedSession) -> Verdict {
        verdict(&self.ask(&format!("GET {target}"), &headers(sealed)).await)
    }
}

fn headers(sealed: &SealedSession) -> [(&str, &str); 2] {
    [("X-Session", &sealed.session), ("X-Session-Envelope", &sealed.envelope)]
}

#[actix_web::test]
async fn a_sealed_session_is_the_caller() {
    let pair = Pair::with_gateway().await;
    for server in &pair.servers {
        let sealed = pair.seal(("GET", "/orders?page=2"));
        let answer = server.ask("GET /orders?page=2", &headers(&sealed)).await;
        let expected = format!("{SESSION} loaded at 2027-01-15 08:00:00 UTC");
        assert_eq!((answer.status, answer.body), (200, expected), "{}", server.name);
    }
    assert_eq!(pair.ask_sealed("/public", |_| {}).await, ok());
    assert_eq!(pair.ask_sealed("/help", |_| {}).await, ok());
    // It has roles and no scopes.
    assert_eq!(pair.ask_sealed("/admin", |_| {}).await.0, 403);
}

/// Method, path, query, service, session and key are all sealed.
#[actix_web::test]
async fn an_envelope_for_something_else_is_refused() {
    let pair = Pair::with_gateway().await;
    let other_key = envelope(AUDIENCE, "another key, also of 32 bytes or more...", &pair.clock);
    let other_service = envelope("file-service", KEY, &pair.clock);
    let session = Session::parse(SESSION).unwrap();
    let other = Session::parse(OTHER).unwrap();
    let own = envelope(AUDIENCE, KEY, &pair.clock);
    let forged: [(&str, SealedSession); 7] = [
        ("method", own.seal(&session, ("POST", "/orders"))),
        ("path", own.seal(&session, ("GET", "/public"))),
        ("query", own.seal(&session, ("GET", "/orders?a=1"))),
        ("service", other_service.seal(&session, ("GET", "/orders"))),
        ("key", other_key.seal(&session, ("GET", "/orders"))),
        (
            "session",
            SealedSession {
                session: own.seal(&other, ("GET", "/orders")).session,
                envelope: own.seal(&session, ("GET", "/orders")).envelope,
            },
        ),
        (
            "mac",
            SealedSession {
                envelope: own.seal(&session, ("GET", "/orders")).envelope.replace(";m=", ";m=A"),
                session: own.seal(&session, ("GET", "/orders")).session,
            },
        ),
    ];
    for (name, sealed) in &forged {
        for server in &pair.servers {
            assert_eq!(
                server.ask_with("/orders", sealed).await,
                invalid(),
                "{name} {}",
                server.name
            );
        }
    }
    assert_eq!(pair.refused(Reason::EnvelopeForged) + pair.refused(Reason::EnvelopeMalformed), 7);
}

#[actix_web::test]
async fn an_envelope_is_good_once() {
    let pair = Pair::with_gateway().await;
    for server in &pair.servers {
        let sealed = pair.seal(("GET", "/orders"));
        assert_eq!(server.ask_with("/orders", &sealed).await, ok());
        assert_eq!(server.ask_with("/orders", &sealed).await, invalid(), "{}", server.name);
    }
    let before: Vec<_> = pair.servers.iter().map(|_| pair.seal(("GET", "/orders"))).collect();
    for (server, sealed) in pair.servers.iter().zip(&before) {
        assert_eq!(server.ask_with("/orders", sealed).await, ok());
    }
    // Not even at the very end of its time, when the windows have turned.
    pair.clock.advance(Duration::from_secs(30));
    for (server, sealed) in pair.servers.iter().zip(&before) {
        assert_eq!(server.ask_with("/orders", sealed).await, invalid(), "{}", server.name);
    }
    assert_eq!(pair.refused(Reason::EnvelopeReplayed), 2);
}

#[actix_web::test]
async fn an_envelope_is_good_for_thirty_seconds() {
    let pair = Pair::with_gateway().await;
    for (seconds, expected) in [(30, ok()), (31, invalid())] {
        let old: Vec<_> = pair.servers.iter().map(|_| pair.seal(("GET", "/orders"))).collect();
        pair.clock.advance(Duration::from_secs(seconds));
        for (server, sealed) in pair.servers.iter().zip(&old) {
            assert_eq!(server.ask_with("/orders", sealed).await, expected, "{seconds} s old");
        }
    }
    let ahead: Vec<_> = pair.servers.iter().map(|_| pair.seal(("GET", "/orders"))).collect();
    pair.clock.set_wall_clock(crate::NOW_S - 60);
    for (server, sealed) in pair.servers.iter().zip(&ahead) {
        assert_eq!(server.ask_with("/orders", sealed).await, invalid(), "from the future");
    }
    assert_eq!(pair.refused(Reason::EnvelopeStale), 2);
}

#[actix_web::test]
async fn an_envelope_that_cannot_be_read_is_refused_on_public_routes_too() {
    let pair = Pair::with_gateway().await;
    let changes: [fn(&mut SealedSession); 8] = [
        |sealed| sealed.envelope = String::new(),
        |sealed| sealed.envelope = "v2".to_owned() + &sealed.envelope[2..],
        |sealed| sealed.envelope.push_str(";x=1"),
        |sealed| sealed.envelope = sealed.envelope.replace("t=", "t=x"),
        |sealed| sealed.envelope = sealed.envelope.replace(";n=", ";n=\u{20}"),
        |sealed| {
            sealed.envelope = sealed.envelope.replace(";n=", &format!(";n={}", "a".repeat(64)))
        },
        |sealed| sealed.envelope = sealed.envelope.split(";m=").next().unwrap().to_owned(),
        |sealed| sealed.envelope.push('='),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        assert_eq!(pair.ask_sealed("/public", change).await, invalid(), "change {place}");
    }
    let sealed = pair.seal(("GET", "/public"));
    let alone = [("X-Session-Envelope", sealed.envelope.as_str())];
    assert_eq!(pair.ask("GET /public", &alone).await.0, invalid(), "without a session");
    let twice = [headers(&sealed), headers(&sealed)].concat();
    assert_eq!(pair.ask("GET /public", &twice).await.0, invalid(), "twice");
    assert_eq!(pair.refused(Reason::EnvelopeMalformed), 10);
}

/// The first defect of header sessions elsewhere: there the header wins.
#[actix_web::test]
async fn a_token_wins_over_a_sealed_session() {
    let pair = Pair::with_gateway().await;
    let nobody = format!("Bearer {}", pair.token("", None));
    let sealed = pair.seal(("GET", "/orders"));
    let [session, seal] = headers(&sealed);
    let both = [("Authorization", nobody.as_str()), session, seal];
    assert_eq!(pair.ask("GET /orders", &both).await.0, no_session(), "the token has no session");
    let forged = [("Authorization", "Bearer a.b.c"), session, seal];
    assert_eq!(pair.ask("GET /orders", &forged).await.0, invalid(), "the token is bad");
}

#[actix_web::test]
async fn a_session_header_without_an_envelope_is_dropped_and_counted_in_any_spelling() {
    for pair in [Pair::with_gateway().await, Pair::with_tokens().await] {
        let spellings =
            ["X-Session", "x-session", "X_Session", "Session", "SESSION", "X-User-Id", "x_user_id"];
        for name in spellings {
            let claimed = [(name, OTHER)];
            let plain = pair.ask("GET /public", &[]).await;
            assert_eq!(pair.ask("GET /public", &claimed).await, plain, "{name}");
            assert_eq!(pair.ask("GET /orders", &claimed).await.0, no_session(), "{name}");
            let (_, seen) = pair.ask("GET /headers", &[claimed[0], ("X-Other", "1")]).await;
            assert_eq!(seen, "x-other", "{name} reached the handler");
        }
        for server in &pair.servers {
            assert_eq!(
                server.source.dropped_headers(),
                3 * spellings.len() as u64,
                "{}",
                server.name
            );
        }
    }
}

#[actix_web::test]
async fn a_service_for_a_gateway_alone_takes_no_token() {
    let pair =
        Pair::start(|_, clock| shared::SessionSource::gateway(envelope(AUDIENCE, KEY, clock)));
    let pair = pair.await;
    assert_eq!(pair.ask_sealed("/orders", |_| {}).await, ok());
    let token = format!("Bearer {}", pair.token("", Some(SESSION)));
    assert_eq!(pair.ask("GET /public", &[("Authorization", &token)]).await.0, invalid());
}

#[actix_web::test]
async fn the_key_of_a_gateway_can_be_changed() {
    let pair = Pair::start(|_, clock| {
        let old = envelope(AUDIENCE, "the new key of 32 bytes or more .........", clock);
        shared::SessionSource::gateway(old.and_key(&shared::Secret::new(KEY)))
    });
    let pair = pair.await;
    assert_eq!(pair.ask_sealed("/orders", |_| {}).await, ok());
}
