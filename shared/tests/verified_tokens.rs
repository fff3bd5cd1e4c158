//! The memory of verified tokens: what is in it is believed without another look at the signature, so it must be in it
//! for no longer than it is good, and for nobody else.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use shared::testing::{StoppedClock, TestIssuer};
use shared::token::key_set::{KeySource, KeysUnavailable, VerifyingKey};
use shared::token::verifier::VerifierCounts;
use shared::{Algorithm, Expectation, KeySet, Reason, TokenVerifier};

const NOW_S: i64 = 1_800_000_000;
const AUDIENCE: &str = "order-service";

/// Keys that can be withdrawn, and that count how often they were asked for.
#[derive(Default)]
struct Keys {
    set: Mutex<KeySet>,
    generation: AtomicU64,
    asked: AtomicU64,
    /// None is at hand: each has to be asked for.
    far: AtomicBool,
    /// What happens right after a key has been given out.
    afterwards: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Keys {
    fn give_out(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let key = self.set.lock().unwrap().find(kid);
        self.afterwards.get().inspect(|happen| happen());
        key
    }

    fn withdraw_all(&self) {
        *self.set.lock().unwrap() = KeySet::default();
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl KeySource for Keys {
    fn find_now(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        if self.far.load(Ordering::SeqCst) { None } else { self.give_out(kid) }
    }

    async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysUnavailable> {
        Ok(self.give_out(kid))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

struct Bench {
    clock: StoppedClock,
    issuer: TestIssuer,
    keys: Arc<Keys>,
    verifier: TokenVerifier,
}

impl Bench {
    fn new() -> Self {
        let clock = StoppedClock::at(NOW_S);
        let issuer = TestIssuer::new(Algorithm::Es256, Arc::new(clock.clone())).unwrap();
        let set = KeySet::from_jwks([issuer.signer().public_key().clone()]).unwrap();
        let keys = Arc::new(Keys { set: Mutex::new(set), ..Keys::default() });
        let issuer_name = "https://issuer.test".to_owned();
        let expectation = Expectation {
            issuer: issuer_name,
            audience: AUDIENCE.to_owned(),
            max_lifetime_s: 3600,
        };
        let source: Arc<dyn KeySource> = Arc::<Keys>::clone(&keys);
        let verifier = TokenVerifier::new(source, expectation, Arc::new(clock.clone()));
        Self { clock, issuer, keys, verifier }
    }

    fn token(&self, lifetime_s: i64) -> String {
        let mut claims = self.issuer.claims(AUDIENCE, "a".parse().unwrap(), None);
        claims.exp = claims.iat + lifetime_s;
        self.issuer.sign(&claims).unwrap().expose().to_owned()
    }

    async fn verdict(&self, token: &str) -> Result<(), Reason> {
        self.verifier.verify(token).await.map(drop).map_err(|error| error.reason())
    }

    /// A token that is remembered.
    async fn known(&self, lifetime_s: i64) -> String {
        let token = self.token(lifetime_s);
        for _ in 0..2 {
            assert_eq!(self.verdict(&token).await, Ok(()));
        }
        let before = self.verifier.counts();
        assert_eq!(self.verdict(&token).await, Ok(()));
        assert_eq!(self.verifier.counts().hits, before.hits + 1, "it is remembered");
        token
    }

    /// Whether the next look at this token is a hit.
    async fn hits(&self, token: &str) -> bool {
        let before = self.verifier.counts().hits;
        let _ = self.verdict(token).await;
        self.verifier.counts().hits > before
    }
}

#[tokio::test]
async fn a_token_that_comes_back_is_verified_twice_and_then_known() {
    let bench = Bench::new();
    let token = bench.token(300);
    for _ in 0..10 {
        assert_eq!(bench.verdict(&token).await, Ok(()));
    }
    assert_eq!(bench.verifier.counts(), VerifierCounts { hits: 8, misses: 2 });
}

#[tokio::test]
async fn a_known_token_is_not_served_past_its_end() {
    let bench = Bench::new();
    let token = bench.known(60).await;
    bench.clock.advance(Duration::from_secs(59));
    assert!(bench.hits(&token).await);
    bench.clock.advance(Duration::from_secs(1));
    assert!(!bench.hits(&token).await, "it is verified anew within the leeway");
    assert_eq!(bench.verdict(&token).await, Ok(()));
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(bench.verdict(&token).await, Err(Reason::Expired));
}

#[tokio::test]
async fn a_long_lived_token_is_verified_anew_after_the_cap() {
    let bench = Bench::new();
    let token = bench.known(3600).await;
    bench.clock.advance(Duration::from_secs(299));
    assert!(bench.hits(&token).await);
    bench.clock.advance(Duration::from_secs(1));
    assert!(!bench.hits(&token).await);
}

#[tokio::test]
async fn the_cap_is_the_one_that_was_asked_for() {
    let mut bench = Bench::new();
    bench.verifier = bench.verifier.remembering(8, Duration::from_secs(60));
    let token = bench.known(3600).await;
    bench.clock.advance(Duration::from_secs(59));
    assert!(bench.hits(&token).await);
    bench.clock.advance(Duration::from_secs(1));
    assert!(!bench.hits(&token).await);
}

/// C14. Neither direction makes a token live longer.
#[tokio::test]
async fn a_clock_that_is_set_leads_to_a_new_verification() {
    let bench = Bench::new();
    let token = bench.known(300).await;
    bench.clock.set_wall_clock(NOW_S - 7200);
    assert_eq!(bench.verdict(&token).await, Err(Reason::NotYetValid));
    bench.clock.set_wall_clock(NOW_S + 7200);
    assert_eq!(bench.verdict(&token).await, Err(Reason::Expired));
}

#[tokio::test]
async fn a_withdrawn_key_takes_its_tokens_along() {
    let bench = Bench::new();
    let (known, other) = (bench.known(300).await, bench.token(300));
    bench.keys.withdraw_all();
    assert_eq!(bench.verdict(&known).await, Err(Reason::UnknownKey));
    // The header of its tokens has been read before; that does not help either.
    assert_eq!(bench.verdict(&other).await, Err(Reason::UnknownKey));
}

#[tokio::test]
async fn a_revocation_makes_every_token_be_verified_anew() {
    let bench = Bench::new();
    let token = bench.known(300).await;
    bench.verifier.clone().forget_verified();
    assert!(!bench.hits(&token).await);
}

/// What has been verified with a key may be remembered only if the key was still good afterwards, however the token's
/// verification and the key's end overlap.
#[tokio::test]
async fn a_key_that_is_withdrawn_during_a_verification_leaves_nothing_behind() {
    for far in [false, true] {
        let bench = Bench::new();
        bench.keys.far.store(far, Ordering::SeqCst);
        let keys = Arc::clone(&bench.keys);
        let withdraw = move || _ = keys.generation.fetch_add(1, Ordering::SeqCst);
        assert!(bench.keys.afterwards.set(Box::new(withdraw)).is_ok());
        let token = bench.token(300);
        for _ in 0..4 {
            assert_eq!(bench.verdict(&token).await, Ok(()), "far {far}");
        }
        assert_eq!(bench.verifier.counts().hits, 0, "far {far}");
    }
}

#[tokio::test]
async fn a_revocation_during_a_verification_leaves_nothing_behind() {
    let bench = Bench::new();
    let verifier = bench.verifier.clone();
    let revoke = move || verifier.forget_verified();
    assert!(bench.keys.afterwards.set(Box::new(revoke)).is_ok());
    let token = bench.token(300);
    for _ in 0..4 {
        assert_eq!(bench.verdict(&token).await, Ok(()));
    }
    assert_eq!(bench.verifier.counts().hits, 0);
}

/// The header may repeat the key's algorithm and choose none, also if the key had to be fetched first.
#[tokio::test]
async fn the_algorithm_belongs_to_the_key_wherever_the_key_comes_from() {
    for far in [false, true] {
        let bench = Bench::new();
        bench.keys.far.store(far, Ordering::SeqCst);
        let mut header = bench.issuer.header();
        header["alg"] = json!("EdDSA");
        let claims = json!(bench.issuer.claims(AUDIENCE, "a".parse().unwrap(), None));
        let token = bench.issuer.sign_raw(header.to_string(), claims.to_string()).unwrap();
        assert_eq!(bench.verdict(token.expose()).await, Err(Reason::WrongAlgorithm), "far {far}");
        assert_eq!(bench.verdict(&bench.token(300)).await, Ok(()), "far {far}");
    }
}

/// The signature alone is looked up; it vouches for what was signed and nothing else.
#[tokio::test]
async fn the_signature_of_a_known_token_under_other_claims_is_refused() {
    let bench = Bench::new();
    let token = bench.known(300).await;
    let (message, signature) = token.rsplit_once('.').unwrap();
    let claims = json!(bench.issuer.claims("order-service", "auth:admin".parse().unwrap(), None));
    let other = bench.issuer.sign_raw(bench.issuer.header().to_string(), claims.to_string());
    let other = other.unwrap().expose().to_owned();
    let forged = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    assert_eq!(bench.verdict(&forged).await, Err(Reason::BadSignature));
    for bent in [format!("{message}x.{signature}"), format!("x{message}.{signature}")] {
        assert!(bench.verdict(&bent).await.is_err());
    }
    assert!(bench.hits(&token).await, "the good one is still known");
}

#[tokio::test]
async fn a_bad_token_is_never_remembered() {
    let bench = Bench::new();
    let (good, other) = (bench.token(300), bench.token(300));
    let (_, signature) = other.rsplit_once('.').unwrap();
    let forged = format!("{}.{signature}", good.rsplit_once('.').unwrap().0);
    for _ in 0..5 {
        assert_eq!(bench.verdict(&forged).await, Err(Reason::BadSignature));
    }
    assert_eq!(bench.verifier.counts(), VerifierCounts { hits: 0, misses: 5 });
}

#[tokio::test]
async fn the_memory_is_bounded_and_tokens_that_come_once_do_not_enter_it() {
    let bench = Bench::new();
    let verifier = bench.verifier.clone().remembering(8, Duration::from_secs(300));
    let tokens: Vec<_> = (0..64).map(|_| bench.token(300)).collect();
    for _ in 0..2 {
        for token in &tokens {
            verifier.verify(token).await.unwrap();
        }
    }
    let before = verifier.counts();
    for token in &tokens {
        verifier.verify(token).await.unwrap();
    }
    let hits = verifier.counts().hits - before.hits;
    assert!(hits <= 8, "{hits} of 64 tokens were in a memory for 8");
    let known = bench.known(300).await;
    for token in (0..20_000).map(|_| bench.token(300)) {
        bench.verifier.verify(&token).await.unwrap();
    }
    assert!(bench.hits(&known).await, "20,000 tokens that came once have not thrown it out");
}

#[tokio::test]
async fn without_a_memory_every_signature_is_checked() {
    let bench = Bench::new();
    let verifier = bench.verifier.clone().remembering(0, Duration::from_secs(300));
    let token = bench.token(300);
    for _ in 0..5 {
        verifier.verify(&token).await.unwrap();
    }
    assert_eq!(verifier.counts(), VerifierCounts { hits: 0, misses: 5 });
}

/// Tokens of one key share their header; it is read again under other keys only.
#[tokio::test]
async fn the_key_of_a_known_header_is_looked_up_once() {
    let bench = Bench::new();
    for _ in 0..10 {
        assert_eq!(bench.verdict(&bench.token(300)).await, Ok(()));
    }
    assert_eq!(bench.keys.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_remembered_does_not_print() {
    let bench = Bench::new();
    let token = bench.known(300).await;
    let shown = format!("{:?} {:?}", bench.verifier, bench.verifier.verify(&token).await);
    assert!(!shown.contains(token.rsplit_once('.').unwrap().1), "{shown}");
}
