//! An issuer that publishes keys and revocations, as told.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use shared::client::http::{Timeouts, http_client};
use shared::testing::{StoppedClock, TestIssuer};
use shared::{Algorithm, Claims, Clock, Expectation, Reason, RemoteKeys, Revocation};
use shared::{RevocationFeed, Session, TokenVerifier};

use crate::fake_server::{Asked, FakeServer, Reply};
use crate::{AUDIENCE, NOW_S, log};

/// Time for what runs in the background on this machine, however busy it is.
pub const SOON: Duration = Duration::from_secs(5);
/// How long the issuer waits when there is nothing new.
const HOLD: Duration = Duration::from_millis(20);

/// What the issuer says when it is asked.
pub struct Book {
    pub entries: Vec<Value>,
    /// At most so many in one answer.
    pub page: usize,
    pub etag: String,
    /// Changes the payload before it is signed.
    pub bend: fn(&mut Value),
    /// In place of everything.
    pub instead: Option<Reply>,
    pub signer: Arc<TestIssuer>,
}

/// A service that follows the issuer.
pub struct Bench {
    pub clock: StoppedClock,
    pub issuer: Arc<TestIssuer>,
    pub server: FakeServer,
    pub keys: RemoteKeys,
    pub feed: RevocationFeed,
    pub verifier: TokenVerifier,
    book: Arc<Mutex<Book>>,
}

impl Bench {
    pub async fn new() -> Self {
        log::record();
        let clock = StoppedClock::at(NOW_S);
        let issuer = Arc::new(another_issuer(&clock));
        let book = Arc::new(Mutex::new(Book {
            entries: Vec::new(),
            page: 1000,
            etag: "\"1\"".to_owned(),
            bend: |_| {},
            instead: None,
            signer: Arc::clone(&issuer),
        }));
        let (asked_book, time) = (Arc::clone(&book), clock.clone());
        let server =
            FakeServer::start(move |asked| answer(&asked_book.lock().unwrap(), &time, asked)).await;
        let http = http_client(Timeouts::default()).unwrap();
        let url = server.url("/jwks.json").parse().unwrap();
        let keys = RemoteKeys::new(http, url, Arc::new(clock.clone()));
        let verifier =
            TokenVerifier::new(Arc::new(keys.clone()), expectation(), Arc::new(clock.clone()));
        let (verifier, feed) =
            RevocationFeed::following(verifier, &keys, &server.url("/revocations")).unwrap();
        Self { clock, issuer, server, keys, feed, verifier, book }
    }

    /// The same, when it has heard from its issuer.
    pub async fn following() -> Self {
        let bench = Self::new().await;
        bench.until(|| bench.feed.staleness().is_some()).await;
        bench
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub fn publish(&self, revocation: &Revocation) {
        self.book().entries.push(json!(revocation));
    }

    pub async fn until(&self, condition: impl Fn() -> bool) {
        let condition = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(SOON, condition).await.unwrap();
    }

    /// Until so many more requests have been answered well.
    pub async fn answers(&self, more: u64) {
        let before = self.feed.counts().answers;
        self.until(|| self.feed.counts().answers >= before + more).await;
    }

    pub async fn failures(&self, more: u64) {
        let before = self.feed.counts().failures;
        self.until(|| self.feed.counts().failures >= before + more).await;
    }

    pub fn claims(&self) -> Claims {
        let session = Session::parse(r#"{"companyId":100,"userId":200}"#).unwrap();
        self.issuer.claims(AUDIENCE, "order:read".parse().unwrap(), Some(session))
    }

    pub fn token(&self) -> String {
        self.issuer.sign(&self.claims()).unwrap().expose().to_owned()
    }

    pub async fn verdict(&self, token: &str) -> Result<(), Reason> {
        self.verifier.verify(token).await.map(drop).map_err(|error| error.reason())
    }

    pub fn requests(&self, path: &str) -> Vec<String> {
        let asked = self.server.asked();
        let lines = asked.iter().filter_map(|asked| asked.text.split(' ').nth(1));
        lines.filter(|own| own.starts_with(path)).map(str::to_owned).collect()
    }
}

pub fn another_issuer(clock: &StoppedClock) -> TestIssuer {
    TestIssuer::new(Algorithm::Es256, Arc::new(clock.clone())).unwrap()
}

fn expectation() -> Expectation {
    Expectation {
        issuer: "https://issuer.test".to_owned(),
        audience: AUDIENCE.to_owned(),
        max_lifetime_s: 3600,
    }
}

fn answer(book: &Book, clock: &StoppedClock, asked: &Asked) -> Reply {
    if asked.text.starts_with("GET /jwks.json") {
        let set = json!({ "keys": [book.signer.signer().public_key()] });
        return Reply::with_headers(200, &format!("ETag: {}\r\n", book.etag), set);
    }
    if let Some(reply) = &book.instead {
        return reply.clone();
    }
    let after = asked.text.split_once("after=").and_then(|(_, rest)| rest.split('&').next());
    let payload = payload(book, clock, after.unwrap().parse().unwrap());
    let reply = signed(&book.signer, &payload);
    if payload["entries"] == json!([]) { reply.after(HOLD) } else { reply }
}

fn payload(book: &Book, clock: &StoppedClock, after: i64) -> Value {
    let seq = |entry: &Value| entry["seq"].as_i64().unwrap();
    let new = book.entries.iter().filter(|entry| seq(entry) > after);
    let page: Vec<_> = new.clone().take(book.page).collect();
    let next = page.last().map_or(after, |last| seq(last));
    let mut payload = json!({
        "iss": "https://issuer.test", "iat": clock.now().timestamp(), "after": after, "next": next,
        "more": new.count() > page.len(), "keys": book.etag, "entries": page,
    });
    (book.bend)(&mut payload);
    payload
}

pub fn signed(signer: &TestIssuer, payload: &Value) -> Reply {
    Reply::json(200, signer.signer().sign_as("revocations+jwt", payload).unwrap())
}
