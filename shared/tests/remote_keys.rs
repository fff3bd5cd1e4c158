//! Keys over HTTP: what a verifier does while its issuer is fine, rotates, is away, or is not itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "support/fake_server.rs"]
mod fake_server;
#[path = "support/log.rs"]
mod log;

#[path = "remote_keys/away.rs"]
mod away;
#[path = "remote_keys/freshness.rs"]
mod freshness;
#[path = "remote_keys/generation.rs"]
mod generation;
#[path = "remote_keys/snapshot.rs"]
mod snapshot;
#[path = "remote_keys/unknown_keys.rs"]
mod unknown_keys;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::client::http::{HttpClient, Timeouts, http_client};
use shared::testing::{StoppedClock, TestIssuer};
use shared::token::key_set::KeySource;
use shared::token::verifier::Expectation;
use shared::{Algorithm, RemoteKeys, Scopes, TokenVerifier};

use fake_server::{FakeServer, Reply};

const NOW_S: i64 = 1_800_000_000;
const AUDIENCE: &str = "order-service";
const COOLDOWN: Duration = Duration::from_secs(10);
const MAX_AGE: Duration = Duration::from_secs(300);
/// Time for what runs in the background on this machine, however busy it is.
const SOON: Duration = Duration::from_secs(5);

/// An issuer, its key server, and a service that trusts it.
struct Bench {
    clock: StoppedClock,
    issuer: TestIssuer,
    server: FakeServer,
    keys: RemoteKeys,
    verifier: TokenVerifier,
}

impl Bench {
    async fn new() -> Self {
        log::record();
        let clock = StoppedClock::at(NOW_S);
        let issuer = TestIssuer::new(Algorithm::Es256, Arc::new(clock.clone())).unwrap();
        let set = set_of(&[&issuer]);
        let server = FakeServer::start(move |_| Reply::json(200, &set)).await;
        // So short that a server that never answers does not keep the tests waiting.
        let timeouts = Timeouts { read: Duration::from_millis(500), ..Timeouts::default() };
        let http = http_client(timeouts).unwrap();
        let keys = keys_at(&server, http, &clock);
        let verifier = verifier_with(&keys, &clock);
        Self { clock, issuer, server, keys, verifier }
    }

    /// The same service after a restart: it has forgotten everything.
    fn restart(&mut self) {
        let http = http_client(Timeouts::default()).unwrap();
        self.keys = keys_at(&self.server, http, &self.clock);
        self.verifier = verifier_with(&self.keys, &self.clock);
    }

    /// From now on the issuer publishes these keys, with these header lines.
    fn publish(&self, headers: &str, issuers: &[&TestIssuer]) {
        let reply = Reply::with_headers(200, headers, set_of(issuers));
        self.server.answer(move |_| reply.clone());
    }

    fn issuer_goes_away(&self) {
        self.server.answer(|_| Reply::json(500, ""));
    }

    /// Uses a key, and waits for the fetch in the background that this may have started.
    async fn use_and_settle(&self) {
        self.keys.find_now(self.issuer.signer().kid());
        // Its task begins now, and with it the fetch counts.
        tokio::task::yield_now().await;
        let settled = || {
            let counts = self.keys.counts();
            counts.fetches == counts.successes + counts.failures
        };
        while !settled() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn verdict_on(&self, issuer: &TestIssuer) -> &'static str {
        let claims = issuer.claims(AUDIENCE, Scopes::default(), None);
        self.verdict(issuer.sign(&claims).unwrap().expose()).await
    }

    /// Of a fresh good token.
    async fn verdict_on_good(&self) -> &'static str {
        self.verdict_on(&self.issuer).await
    }

    async fn verdict_on_kid(&self, kid: &str) -> &'static str {
        self.verdict(&self.token_with_kid(kid)).await
    }

    fn token_with_kid(&self, kid: &str) -> String {
        let mut header = self.issuer.header();
        header["kid"] = json!(kid);
        let claims = json!(self.issuer.claims(AUDIENCE, Scopes::default(), None));
        let token = self.issuer.sign_raw(header.to_string(), claims.to_string()).unwrap();
        token.expose().to_owned()
    }

    async fn verdict(&self, token: &str) -> &'static str {
        self.verifier
            .verify(token)
            .await
            .map_or_else(|error| error.reason().label(), |_| "accepted")
    }

    fn another_issuer(&self) -> TestIssuer {
        TestIssuer::new(Algorithm::EdDsa, Arc::new(self.clock.clone())).unwrap()
    }

    /// Waits until the server has been asked so often.
    async fn asked(&self, times: usize) {
        let asked = async {
            while self.server.count() < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, asked).await.unwrap();
    }
}

fn keys_at(server: &FakeServer, http: HttpClient, clock: &StoppedClock) -> RemoteKeys {
    let url = server.url("/jwks.json").parse().unwrap();
    RemoteKeys::new(http, url, Arc::new(clock.clone()))
}

fn verifier_with(keys: &RemoteKeys, clock: &StoppedClock) -> TokenVerifier {
    let expectation = Expectation {
        issuer: "https://issuer.test".to_owned(),
        audience: AUDIENCE.to_owned(),
        max_lifetime_s: 3600,
    };
    TokenVerifier::new(Arc::new(keys.clone()), expectation, Arc::new(clock.clone()))
}

fn set_of(issuers: &[&TestIssuer]) -> Value {
    let keys: Vec<_> = issuers.iter().map(|issuer| issuer.signer().public_key()).collect();
    json!({ "keys": keys })
}

/// What an issuer may answer instead of its keys.
fn nonsense() -> Vec<(&'static str, Reply)> {
    let good = |body: &str| Reply::json(200, body);
    let html = "<html><body>502 Bad Gateway</body></html>";
    // A set that could be used, but that is not said as it has to be.
    let clock = Arc::new(StoppedClock::at(NOW_S));
    let mut other = set_of(&[&TestIssuer::new(Algorithm::Es256, clock).unwrap()]);
    let error_page = Reply::json(500, &other);
    other["ballast"] = json!("x".repeat(10 * 1024 * 1024));
    let cut = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"keys\":[";
    let away = "Location: http://127.0.0.1:1/\r\n";
    vec![
        ("500", error_page),
        ("404", Reply::json(404, "")),
        ("a redirect", Reply::with_headers(302, away, "")),
        ("nothing", good("")),
        ("an empty set", good(r#"{"keys":[]}"#)),
        ("no set", good("{}")),
        ("null keys", good(r#"{"keys":null}"#)),
        ("keys that are none", good(r#"{"keys":[1,null,{},{"kty":"EC"}]}"#)),
        (
            "only keys of other kinds",
            good(r#"{"keys":[{"kty":"EC","kid":"a","alg":"ES512","crv":"P-521"}]}"#),
        ),
        ("truncated JSON", good(r#"{"keys":[{"kty":"EC","kid""#)),
        ("a body that breaks off", Reply::Bytes(cut.to_vec())),
        ("10 MB", good(&other.to_string())),
        ("HTML", good(html)),
        ("no HTTP", Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())),
        ("silence", Reply::Silence),
    ]
}

/// C10, C11.
#[tokio::test]
async fn the_last_good_keys_stay_whatever_the_issuer_answers() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    for (name, reply) in nonsense() {
        bench.server.answer(move |_| reply.clone());
        bench.clock.advance(COOLDOWN);
        let before = bench.server.count();
        assert_eq!(bench.verdict_on_kid("unknown").await, "unknown_key", "{name}");
        assert_eq!(bench.server.count(), before + 1, "{name} was not asked for");
        assert_eq!(bench.verdict_on_good().await, "accepted", "{name}");
    }
}

/// C10, C11.
#[tokio::test]
async fn without_any_keys_a_token_is_answered_with_keys_unavailable_until_the_issuer_is_back() {
    for (name, reply) in nonsense() {
        let bench = Bench::new().await;
        bench.server.answer(move |_| reply.clone());
        assert_eq!(bench.verdict_on_good().await, "keys_unavailable", "{name}");
        assert!(!bench.keys.warm_up().await.unwrap_err().0.is_empty(), "{name}: no cause");
        let set = set_of(&[&bench.issuer]);
        bench.server.answer(move |_| Reply::json(200, &set));
        assert_eq!(bench.verdict_on_good().await, "keys_unavailable", "{name}: asked too soon");
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.verdict_on_good().await, "accepted", "{name}: is back");
    }
}

/// J08. An attacker makes up key ids; the issuer must not hear of it.
#[tokio::test]
async fn a_storm_of_unknown_key_ids_leads_to_one_fetch_in_a_cooldown() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    for storm in 1..=3 {
        bench.clock.advance(COOLDOWN);
        let kids = (0..1000).map(|number| format!("kid-{storm}-{number}"));
        let tokens: Vec<String> = kids.map(|kid| bench.token_with_kid(&kid)).collect();
        let verdicts = join_all(tokens.iter().map(|token| bench.verdict(token))).await;
        assert!(verdicts.iter().all(|verdict| *verdict == "unknown_key"), "{verdicts:?}");
        assert_eq!(bench.server.count(), 1 + storm);
    }
}

/// J08. Good tokens do not wait for the fetch that bad ones have caused.
#[tokio::test]
async fn a_good_token_does_not_wait_while_unknown_keys_are_looked_for() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.server.answer(|_| Reply::Silence);
    bench.clock.advance(COOLDOWN);
    let storm = bench.verdict_on_kid("unknown");
    let good = async {
        bench.asked(2).await;
        bench.verdict_on_good().await
    };
    tokio::select! {
        _ = storm => panic!("the fetch ended before the good token was looked at"),
        verdict = good => assert_eq!(verdict, "accepted"),
    }
}

/// C12. The new key signs at once; the verifier has not heard of it.
#[tokio::test]
async fn a_new_key_is_found_after_the_cooldown_and_a_retired_one_is_gone() {
    let bench = Bench::new().await;
    let (old, new) = (&bench.issuer, bench.another_issuer());
    assert_eq!(bench.verdict_on(old).await, "accepted");
    let both = set_of(&[old, &new]);
    bench.server.answer(move |_| Reply::json(200, &both));
    assert_eq!(bench.verdict_on(&new).await, "unknown_key", "within the cooldown");
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on(&new).await, "accepted");
    assert_eq!(bench.verdict_on(old).await, "accepted", "both are published");
    let only_new = set_of(&[&new]);
    bench.server.answer(move |_| Reply::json(200, &only_new));
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on_kid("unknown").await, "unknown_key");
    assert_eq!(bench.verdict_on(old).await, "unknown_key", "retired");
    assert_eq!(bench.verdict_on(&new).await, "accepted");
}

/// A retired key must not stay good for ever just because nobody sends an unknown key id.
#[tokio::test]
async fn old_keys_are_fetched_again_in_the_background() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    let new = bench.another_issuer();
    let only_new = set_of(&[&new]);
    bench.server.answer(move |_| Reply::json(200, &only_new));
    bench.clock.advance(MAX_AGE);
    assert_eq!(bench.verdict_on_good().await, "accepted", "the one that starts the fetch");
    bench.asked(2).await;
    let gone = async {
        while bench.verdict_on_good().await == "accepted" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.unwrap();
    assert_eq!(bench.server.count(), 2);
}

/// Whoever has seen the set can sign: nothing that it verifies means anything.
#[tokio::test]
async fn a_set_with_a_private_or_symmetric_key_in_it_is_refused_as_a_whole() {
    let bench = Bench::new().await;
    let mut private = set_of(&[&bench.issuer, &bench.another_issuer()]);
    private["keys"][1]["d"] = json!("AAAA");
    let mut symmetric = set_of(&[&bench.issuer]);
    let mac = json!({"kty": "oct", "kid": "mac", "alg": "HS256", "k": "AAAA"});
    symmetric["keys"].as_array_mut().unwrap().push(mac);
    let mut rsa = set_of(&[&bench.issuer]);
    rsa["keys"][0]["p"] = json!("AAAA");
    for set in [private, symmetric, rsa] {
        bench.server.answer(move |_| Reply::json(200, &set));
        assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
        assert!(bench.keys.warm_up().await.unwrap_err().0.contains("private"));
        bench.clock.advance(Duration::from_secs(1));
    }
}

/// A client that hangs up must not take everybody's fetch with it.
#[tokio::test]
async fn whoever_gives_up_waiting_does_not_cancel_the_fetch() {
    let bench = Bench::new().await;
    let set = Reply::json(200, set_of(&[&bench.issuer])).after(Duration::from_millis(200));
    bench.server.answer(move |_| set.clone());
    let impatient = tokio::time::timeout(Duration::from_millis(20), bench.verdict_on_good());
    assert!(impatient.await.is_err());
    assert_eq!(bench.verdict_on_good().await, "accepted");
    assert_eq!(bench.server.count(), 1);
}

/// C11. Else each of them would fetch for itself, one after the other, and the last would wait for all.
#[tokio::test]
async fn all_who_wait_for_an_issuer_that_is_silent_give_up_together() {
    let bench = Bench::new().await;
    bench.server.answer(|_| Reply::Silence);
    let silence_outlasts_the_cooldown = async {
        bench.asked(1).await;
        bench.clock.advance(Duration::from_secs(5));
    };
    let waiting = join_all((0..20).map(|_| bench.verdict_on_good()));
    let (verdicts, ()) = tokio::join!(waiting, silence_outlasts_the_cooldown);
    assert_eq!(verdicts, ["keys_unavailable"; 20]);
    assert_eq!(bench.server.count(), 1);
}

/// A probe asks every few seconds: it must neither bother the issuer nor fail because the issuer is slow.
#[tokio::test]
async fn a_service_that_has_keys_is_ready_at_once_also_while_the_issuer_is_silent() {
    let bench = Bench::new().await;
    bench.keys.warm_up().await.unwrap();
    bench.server.answer(|_| Reply::Silence);
    bench.clock.advance(COOLDOWN);
    let ready = tokio::time::timeout(Duration::from_millis(100), bench.keys.warm_up()).await;
    assert!(ready.is_ok_and(|ready| ready.is_ok()));
    assert_eq!(bench.server.count(), 1);
}

/// J05, J06.
#[tokio::test]
async fn no_token_sends_the_verifier_anywhere_but_to_its_own_issuer() {
    let bench = Bench::new().await;
    let attacker = FakeServer::start(|_| Reply::json(200, r#"{"keys":[]}"#)).await;
    let own = bench.another_issuer();
    let mut claims = json!(own.claims(AUDIENCE, Scopes::default(), None));
    claims["iss"] = json!(attacker.url(""));
    for member in ["jku", "x5u", "iss", "kid"] {
        let mut header = own.header();
        header[member] = json!(attacker.url("/jwks.json"));
        let token = own.sign_raw(header.to_string(), claims.to_string()).unwrap();
        assert_ne!(bench.verdict(token.expose()).await, "accepted", "{member}");
    }
    assert_eq!(attacker.count(), 0);
    assert_eq!(
        bench
            .server
            .asked()
            .iter()
            .filter(|asked| !asked.text.starts_with("GET /jwks.json "))
            .count(),
        0
    );
}
