//! Other sites' pages cannot use the cookie, whatever they send along.

use tests::caller::send;
use tests::people::{PASSWORD, email_of};
use tests::visitor::Visitor;

use super::House;

const APP: &str = "https://app.example.com";
const OWN: &str = "OWN";
const PLAIN: &str = "PLAIN";

/// Headers, and whether whoever sends them is let in. OWN stands for the server's own origin: its issuer has TLS. PLAIN is the
/// same without.
const TABLE: &[(&[(&str, &str)], bool)] = &[
    (&[], true),
    (&[("Origin", OWN), ("Sec-Fetch-Site", "same-origin")], true),
    (&[("Origin", OWN)], true),
    (&[("Origin", APP), ("Sec-Fetch-Site", "same-site")], true),
    (&[("Origin", APP)], true),
    (&[("Content-Type", "application/json")], true),
    (&[("Origin", "https://evil.example")], false),
    (&[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")], false),
    (&[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")], false),
    (&[("Origin", "null")], false),
    (&[("Origin", PLAIN)], false),
    (&[("Origin", "")], false),
    (&[("Origin", "https://app.example.com.evil.example")], false),
    (&[("Origin", "http://app.example.com")], false),
    (&[("Origin", "https://127.0.0.1")], false),
    (&[("Sec-Fetch-Site", "cross-site")], false),
    (&[("Sec-Fetch-Site", "same-site")], false),
    (&[("Content-Type", "text/plain")], false),
    (&[("Content-Type", "application/x-www-form-urlencoded")], false),
    (&[("Content-Type", "multipart/form-data; boundary=x")], false),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_use_the_cookie() {
    let house = House::start(&[("BATON_AUTH_FRONT_END_ORIGINS", APP)]).await;
    let plain = house.one.url.clone();
    let own = plain.replace("http://", "https://");
    for path in ["refresh", "logout"] {
        for (headers, allowed) in TABLE {
            let visitor = Visitor::logged_in(&plain, 1).await;
            let mut request = visitor.post(path);
            for (name, value) in *headers {
                let value = match *value {
                    OWN => &own,
                    PLAIN => &plain,
                    other => other,
                };
                request = request.header(*name, value);
            }
            let answer = send(request).await;
            let refused = answer.verdict() == (403, "A013");
            assert_eq!(refused, !allowed, "{path} {headers:?}: {}", answer.text);
            if refused {
                assert_eq!(answer.header("set-cookie"), "");
                assert_eq!(visitor.clone().refresh().await.status, 200, "{path}: nothing happened");
            }
        }
    }
    let body = serde_json::json!({"email": email_of(1), "password": PASSWORD});
    let login = Visitor::new(&plain).post("login").header("Origin", "https://evil.example");
    assert_eq!(send(login.json(&body)).await.verdict(), (403, "A013"), "nor log somebody in");
    house.stop().await;
}
