//! Revocations: what each of them hits, how they come from the issuer, and what happens while they do not.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "support/fake_server.rs"]
#[expect(dead_code, reason = "others change the whole server, and not what it says")]
mod fake_server;
#[path = "support/log.rs"]
mod log;

#[path = "revocations/kinds.rs"]
mod kinds;
#[path = "revocations/verifier.rs"]
mod verifier;
#[path = "revocations/issuer.rs"]
mod issuer;
#[path = "revocations/following.rs"]
mod following;
#[path = "revocations/bad_answers.rs"]
mod bad_answers;
#[path = "revocations/staleness.rs"]
mod staleness;

use shared::{Revocation, RevocationKind};

const NOW_S: i64 = 1_800_000_000;
const AUDIENCE: &str = "order-service";

/// An entry that hits what was issued until now.
fn entry(seq: i64, kind: RevocationKind, value: &str) -> Revocation {
    Revocation { seq, kind, value: value.to_owned(), before: Some(NOW_S), exp: NOW_S + 3600 }
}
