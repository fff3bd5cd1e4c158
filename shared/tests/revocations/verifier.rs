//! The verifier looks at them last, and also at tokens that it remembers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::testing::{StoppedClock, TestIssuer};
use shared::{Algorithm, Claims, Reason, RevocationKind, RevocationSource, Revocations};
use shared::{Session, TokenVerifier};

use crate::{AUDIENCE, NOW_S, entry};

/// Revocations that nobody has to fetch.
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

struct Bench {
    clock: StoppedClock,
    issuer: TestIssuer,
    known: Arc<Known>,
    verifier: TokenVerifier,
}

impl Bench {
    fn new() -> Self {
        let clock = StoppedClock::at(NOW_S);
        let issuer = TestIssuer::new(Algorithm::EdDsa, Arc::new(clock.clone())).unwrap();
        let known = Arc::new(Known::default());
        let verifier = issuer.verifier(AUDIENCE).unwrap().with_revocations(Arc::clone(&known));
        Self { clock, issuer, known, verifier }
    }

    fn claims(&self) -> Claims {
        let session = Session::parse(r#"{"companyId":100,"userId":200}"#).unwrap();
        self.issuer.claims(AUDIENCE, "order:read".parse().unwrap(), Some(session))
    }

    fn token(&self, claims: &Claims) -> String {
        self.issuer.sign(claims).unwrap().expose().to_owned()
    }

    fn verdict(&self, token: &str) -> Result<(), Reason> {
        let verdict = self.verifier.verify_now(token.as_bytes()).unwrap();
        verdict.map(drop).map_err(|error| error.reason())
    }

    fn revoke(&self, kind: RevocationKind, value: &str) {
        self.known.revocations.insert(entry(1, kind, value));
    }
}

#[test]
fn a_token_is_refused_from_the_moment_on_at_which_its_revocation_has_arrived() {
    let bench = Bench::new();
    let tokens = [bench.token(&bench.claims()), bench.token(&bench.claims())];
    // One is remembered, the other has never been seen.
    for _ in 0..4 {
        assert_eq!(bench.verdict(&tokens[0]), Ok(()));
    }
    bench.revoke(RevocationKind::User, "201");
    assert_eq!(bench.verdict(&tokens[0]), Ok(()), "somebody else's");
    bench.revoke(RevocationKind::User, "200");
    for _ in 0..3 {
        for token in &tokens {
            assert_eq!(bench.verdict(token), Err(Reason::Revoked));
        }
    }
    assert!(bench.verifier.counts().hits >= 3, "it was remembered all the time");
    let later = Claims { iat: NOW_S + 1, ..bench.claims() };
    assert_eq!(bench.verdict(&bench.token(&later)), Ok(()), "what was issued after it");
    bench.known.revocations.replace([]);
    assert_eq!(bench.verdict(&tokens[0]), Ok(()), "it was taken back");
}

#[tokio::test]
async fn it_makes_no_difference_whether_the_token_is_waited_for() {
    let bench = Bench::new();
    let token = bench.token(&bench.claims());
    bench.revoke(RevocationKind::All, "");
    assert_eq!(bench.verifier.verify(&token).await.unwrap_err().reason(), Reason::Revoked);
}

/// Whoever is told that a token was revoked learns something of it.
#[test]
fn only_a_token_that_is_good_otherwise_is_said_to_be_revoked() {
    let bench = Bench::new();
    let token = bench.token(&bench.claims());
    let elsewhere = bench.issuer.claims("user-service", "a".parse().unwrap(), None);
    bench.revoke(RevocationKind::All, "");
    assert_eq!(bench.verdict(&bench.token(&elsewhere)), Err(Reason::WrongAudience));
    let forged = format!("{}x", bench.token(&bench.claims()));
    assert_eq!(bench.verdict(&forged), Err(Reason::BadSignature));
    bench.clock.advance(Duration::from_secs(330));
    assert_eq!(bench.verdict(&token), Err(Reason::Expired));
}

/// What one has looked up says nothing of what the other would find, be their sets as old as each other.
#[test]
fn two_verifiers_with_revocations_of_their_own_remember_for_themselves() {
    let bench = Bench::new();
    let token = bench.token(&bench.claims());
    let other = Arc::new(Known::default());
    let verifier = bench.verifier.clone().with_revocations(Arc::clone(&other));
    bench.revoke(RevocationKind::User, "201");
    other.revocations.insert(entry(1, RevocationKind::User, "200"));
    for _ in 0..3 {
        assert_eq!(bench.verdict(&token), Ok(()));
        assert!(verifier.verify_now(token.as_bytes()).unwrap().is_err());
    }
    let copy = verifier.remembering(0, Duration::ZERO).for_any_audience();
    assert!(copy.verify_now(token.as_bytes()).unwrap().is_err(), "they stay with its copies");
}

#[test]
fn a_verified_token_says_how_well_revocations_were_known_at_that_time() {
    let bench = Bench::new();
    let token = bench.token(&bench.claims());
    for staleness in [None, Some(Duration::from_secs(3)), Some(Duration::ZERO)] {
        *bench.known.staleness.lock().unwrap() = staleness;
        for _ in 0..3 {
            let verified = bench.verifier.verify_now(token.as_bytes()).unwrap().unwrap();
            assert_eq!(verified.revocations_staleness(), staleness);
        }
    }
    let without = bench.issuer.verifier(AUDIENCE).unwrap();
    assert!(!without.knows_revocations() && bench.verifier.knows_revocations());
    let verified = without.verify_now(token.as_bytes()).unwrap().unwrap();
    assert_eq!(verified.revocations_staleness(), None);
}

/// However a revocation and a verification overlap: once it has been taken in, nobody comes through any more.
#[test]
fn a_revocation_that_arrives_during_a_verification_is_not_forgotten() {
    let bench = Bench::new();
    for round in 0..200 {
        let token = bench.token(&bench.claims());
        (0..2).for_each(|_| assert_eq!(bench.verdict(&token), Ok(())));
        std::thread::scope(|threads| {
            let ask = || {
                let refused = (0..1_000_000).any(|_| bench.verdict(&token).is_err());
                assert!(refused, "round {round}");
            };
            threads.spawn(ask);
            threads.spawn(ask);
            bench.known.revocations.insert(entry(round, RevocationKind::User, "200"));
            assert_eq!(bench.verdict(&token), Err(Reason::Revoked), "round {round}");
        });
        bench.known.revocations.replace([]);
    }
}
