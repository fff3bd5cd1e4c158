//! A session in a header: believed in its envelope only, once, and never beside a token.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::gateway::SealedSession;
use shared::{Reason, Session};

use crate::{
    AUDIENCE, KEY, NOW_S, Pair, SESSION, Server, Verdict, envelope, invalid, no_session, ok,
    verdict,
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

/// Seals as a gateway in another language does: what our own two sides might leave out alike is missed here.
fn sealed_by_hand(nonce: &str, session: &str) -> SealedSession {
    let session = URL_SAFE_NO_PAD.encode(session);
    let message =
        format!("baton-session-v1\n{AUDIENCE}\nGET\n/orders\n{NOW_S}\n{nonce}\n{session}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    SealedSession { session, envelope: format!("v1;t={NOW_S};n={nonce};m={mac}") }
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

/// Else an envelope could be used again under another nonce, or for as long as anybody likes.
#[actix_web::test]
async fn neither_the_nonce_nor_the_time_of_an_envelope_can_be_changed() {
    let pair = Pair::with_gateway().await;
    let time = |by: i64| (format!("t={NOW_S}"), format!("t={}", NOW_S + by));
    let nonce = (";n=".to_owned(), ";n=A".to_owned());
    for (old, new) in [nonce, time(1), time(-1)] {
        let changed = |sealed: &mut SealedSession| {
            sealed.envelope = sealed.envelope.replace(&old, &new);
            assert!(sealed.envelope.contains(&new));
        };
        assert_eq!(pair.ask_sealed("/orders", changed).await, invalid(), "{new}");
    }
    assert_eq!(pair.refused(Reason::EnvelopeForged), 3);
}

#[actix_web::test]
async fn an_envelope_of_another_maker_is_opened_by_the_same_rules() {
    let pair = Pair::with_gateway().await;
    let nonces = |characters: usize| "Az09-_".repeat(11)[..characters].to_owned();
    let cases = [
        (nonces(16), SESSION, ok()),
        (nonces(64), SESSION, ok()),
        (nonces(15), SESSION, invalid()),
        (nonces(65), SESSION, invalid()),
        (format!("{}.", nonces(16)), SESSION, invalid()),
        (nonces(17), "not json", invalid()),
        (nonces(18), "{}", invalid()),
        (nonces(19), "", invalid()),
    ];
    for (nonce, session, expected) in &cases {
        for server in &pair.servers {
            let verdict = server.ask_with("/orders", &sealed_by_hand(nonce, session)).await;
            assert_eq!(&verdict, expected, "{nonce} {session} {}", server.name);
        }
    }
}

/// Whoever cannot seal cannot use up what somebody else has sealed.
#[actix_web::test]
async fn a_forged_envelope_does_not_use_up_the_nonce_of_a_good_one() {
    let pair = Pair::with_gateway().await;
    for server in &pair.servers {
        let good = pair.seal(("GET", "/orders"));
        let mut forged = good.clone();
        forged.session = URL_SAFE_NO_PAD.encode(OTHER);
        assert_eq!(server.ask_with("/orders", &forged).await, invalid());
        assert_eq!(server.ask_with("/orders", &good).await, ok(), "{}", server.name);
    }
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

/// Opens one at `first` seconds from now and again at `second`; it is sealed for `sealed`.
async fn used_twice(pair: &Pair, sealed: i64, first: i64, second: i64) {
    pair.clock.set_wall_clock(NOW_S + sealed);
    let envelopes: Vec<_> = pair.servers.iter().map(|_| pair.seal(("GET", "/orders"))).collect();
    for (at, expected) in [(first, ok()), (second, invalid())] {
        pair.clock.set_wall_clock(NOW_S + at);
        for (server, sealed) in pair.servers.iter().zip(&envelopes) {
            assert_eq!(server.ask_with("/orders", sealed).await, expected, "at {at}");
        }
    }
}

/// Wherever in its time it comes, and wherever the windows turn.
#[actix_web::test]
async fn an_envelope_is_good_once_in_all_its_time_and_also_if_the_clock_is_set_back() {
    let pair = Pair::with_gateway().await;
    let mut times = 0;
    for start in (0..122).map(|step| step * 100) {
        used_twice(&pair, start + 30, start, start + 60).await;
        used_twice(&pair, start + 90, start + 90, start + 80).await;
        times += 2;
        assert_eq!(pair.refused(Reason::EnvelopeReplayed), times);
    }
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
    // It was sealed 61 seconds after the start.
    for (seconds, expected) in [(30, invalid()), (31, ok())] {
        pair.clock.set_wall_clock(NOW_S + seconds);
        for (server, sealed) in pair.servers.iter().zip(&ahead) {
            assert_eq!(server.ask_with("/orders", sealed).await, expected, "{seconds} s of 61");
        }
    }
    assert_eq!(pair.refused(Reason::EnvelopeStale), 2);
}

#[actix_web::test]
async fn an_envelope_that_cannot_be_read_is_refused_on_public_routes_too() {
    let pair = Pair::with_gateway().await;
    let changes: [fn(&mut SealedSession); 9] = [
        |sealed| sealed.envelope = String::new(),
        |sealed| sealed.envelope = "v2".to_owned() + &sealed.envelope[2..],
        |sealed| sealed.envelope = "v1x".to_owned() + &sealed.envelope[2..],
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
    let [session, seal] = headers(&sealed);
    for repeated in [vec![session, seal, seal], vec![session, session, seal]] {
        assert_eq!(pair.ask("GET /public", &repeated).await.0, invalid(), "{repeated:?}");
    }
    assert_eq!(pair.refused(Reason::EnvelopeMalformed), 12);
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

/// A header is counted where nobody vouches for it: where a token is looked at in its place, or no gateway is known.
#[actix_web::test]
async fn an_envelope_that_is_opened_is_not_counted_as_dropped_and_one_that_is_not_is() {
    let (gateway, tokens) = (Pair::with_gateway().await, Pair::with_tokens().await);
    let dropped = |pair: &Pair| {
        let [actix, axum] = &pair.servers;
        assert_eq!(actix.source.dropped_headers(), axum.source.dropped_headers());
        actix.source.dropped_headers()
    };
    assert_eq!(gateway.ask_sealed("/orders", |_| {}).await, ok());
    assert_eq!(dropped(&gateway), 0);
    for (pair, count) in [(&gateway, 1), (&tokens, 1)] {
        let bearer = format!("Bearer {}", pair.token("", Some(SESSION)));
        let sealed = pair.seal(("GET", "/orders"));
        let [session, seal] = headers(&sealed);
        let both = [("Authorization", bearer.as_str()), session, seal];
        assert_eq!(pair.ask("GET /orders", &both).await.0, ok());
        assert_eq!(dropped(pair), count);
    }
    assert_eq!(tokens.ask_sealed("/orders", |_| {}).await, no_session());
    assert_eq!(dropped(&tokens), 2);
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

/// Who has to know the client asks for a token; a gateway's word says nothing of one.
#[actix_web::test]
async fn a_sealed_session_is_no_client() {
    let pair = Pair::with_gateway().await;
    let [actix, _] = &pair.servers;
    let sealed = pair.seal(("GET", "/client"));
    assert_eq!(actix.ask_with("/client", &sealed).await, no_session());
    assert!(actix.source.refusals().contains(&(Reason::NoToken, 1)));
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
