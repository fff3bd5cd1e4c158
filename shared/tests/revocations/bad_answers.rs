//! What is no answer of the issuer changes nothing, keeps nobody fresh, and is counted.

use serde_json::{Value, json};
use shared::{Reason, RevocationKind};

use super::issuer::{Bench, another_issuer, signed};
use crate::fake_server::Reply;
use crate::{NOW_S, entry, log};

/// A payload that would replace everything.
fn payload() -> Value {
    json!({
        "iss": "https://issuer.test", "iat": NOW_S, "after": 0, "next": 99, "more": false, "keys": "\"1\"",
        "entries": [entry(99, RevocationKind::User, "999")],
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut payload = payload();
    payload[member] = value;
    payload
}

fn bad_answers(bench: &Bench) -> Vec<(&'static str, Reply)> {
    let issuer = &bench.issuer;
    let sign = |payload: &Value| signed(issuer, payload);
    let as_text = |typ: &str| issuer.signer().sign_as(typ, &payload()).unwrap();
    let good = as_text("revocations+jwt");
    let (message, _) = good.rsplit_once('.').unwrap();
    let other = another_issuer(&bench.clock);
    let (_, foreign) =
        as_text("x").rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let claims = json!(bench.claims()).to_string();
    let token = issuer.sign_raw(issuer.header().to_string(), claims).unwrap();
    let half = Reply::Bytes(
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{message}", good.len()).into(),
    );
    vec![
        ("another signature", Reply::json(200, format!("{message}.{foreign}"))),
        ("another key", signed(&other, &payload())),
        ("no signature", Reply::json(200, format!("{message}."))),
        ("an access token", Reply::json(200, token.expose())),
        ("another type", Reply::json(200, as_text("JWT"))),
        ("another issuer", sign(&with("iss", json!("https://issuer.test/")))),
        ("too old", sign(&with("iat", json!(NOW_S - 61)))),
        ("from the future", sign(&with("iat", json!(NOW_S + 61)))),
        ("no iat", sign(&with("iat", json!(null)))),
        ("no entries", sign(&with("entries", json!(null)))),
        ("an entry without a kind", sign(&with("entries", json!([{"seq": 99}])))),
        (
            "an entry without an end",
            sign(&with("entries", json!([{"seq": 1, "kind": "jti", "value": ""}]))),
        ),
        ("next is no number", sign(&with("next", json!("99")))),
        ("JSON", Reply::json(200, payload())),
        ("nothing", Reply::json(200, "")),
        ("HTML", Reply::json(200, "<html><body>502 Bad Gateway</body></html>")),
        ("10 MB", Reply::json(200, good.clone() + &"A".repeat(10 * 1024 * 1024))),
        ("10 MB, signed", sign(&with("ballast", json!("x".repeat(10 * 1024 * 1024))))),
        ("truncated", half),
    ]
}

/// The same with what would be a good answer.
fn bad_statuses(good: &str) -> Vec<(&'static str, Reply)> {
    vec![
        ("500", Reply::json(500, good)),
        ("404", Reply::json(404, good)),
        ("204", Reply::json(204, "")),
        ("a redirect", Reply::with_headers(302, "Location: /revocations2\r\n", "")),
        ("no HTTP", Reply::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())),
        ("hangs up", Reply::Bytes(Vec::new())),
    ]
}

#[tokio::test]
async fn what_is_no_answer_of_the_issuer_changes_nothing_and_is_counted() {
    let bench = Bench::new().await;
    bench.publish(&entry(1, RevocationKind::User, "200"));
    bench.until(|| bench.feed.counts().entries == 1).await;
    let good = bench.issuer.signer().sign_as("revocations+jwt", &payload()).unwrap();
    for (name, reply) in bad_answers(&bench).into_iter().chain(bad_statuses(&good)) {
        bench.book().instead = Some(reply);
        bench.failures(1).await;
        let counts = bench.feed.counts();
        bench.failures(1).await;
        assert_eq!(bench.feed.counts().answers, counts.answers, "{name}");
        assert_eq!(bench.feed.counts().entries, 1, "{name}");
        assert_eq!(bench.feed.counts().resets, 0, "{name}");
        assert_eq!(bench.verdict(&bench.token()).await, Err(Reason::Revoked), "{name}");
        bench.book().instead = None;
        bench.answers(1).await;
    }
    assert!(bench.requests("/revocations2").is_empty());
}

/// An issuer that does not get on, or does not wait, is not asked as fast as the network can.
#[tokio::test]
async fn an_issuer_in_a_circle_is_asked_with_pauses() {
    let bends: [fn(&mut Value); 3] = [
        |payload| payload["more"] = json!(true),
        |payload| (payload["more"], payload["next"]) = (json!(true), json!(0)),
        |payload| payload["after"] = json!(-1),
    ];
    for bend in bends {
        let bench = Bench::new().await;
        bench.publish(&entry(1, RevocationKind::User, "200"));
        bench.book().bend = bend;
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        assert!(bench.server.count() < 12, "{}", bench.server.count());
    }
}

#[tokio::test]
async fn the_log_says_once_that_the_feed_is_away_and_once_that_it_is_back() {
    let bench = Bench::following().await;
    log::take();
    bench.book().instead = Some(Reply::json(500, ""));
    bench.failures(4).await;
    let away = "WARN could not ask for the issuer's revocations; those that are known stay";
    assert_eq!(log::take(), [away]);
    bench.book().instead = None;
    bench.answers(3).await;
    assert_eq!(log::take(), ["INFO the issuer's revocations are back"]);
}
