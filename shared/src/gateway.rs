//! [`GatewayEnvelope`]: a session that a gateway vouches for, in a header that nobody else can make.
//!
//! Where a gateway has already found out who is calling, it may say so in place of a token: `X-Session` holds the
//! session (its JSON in base64url), and `X-Session-Envelope` seals it: `v1;t=<seconds since 1970>;n=<nonce>;m=<MAC>`. The
//! MAC is HMAC-SHA256 over `baton-session-v1`, the service's name, method, path with query, time, nonce and session (as
//! it stands in its header), with line feeds between them, in base64url. An envelope is good for 30 seconds and for one
//! request. It does not cover the body.
//!
//! It is off unless asked for, by [`SessionSource::or_gateway`](crate::SessionSource::or_gateway). A token always wins.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::clock::{Clock, Timestamp};
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;
use crate::session::Session;
use crate::session_source::RequestHead;

/// The header with the session.
pub const X_SESSION: &str = "x-session";
/// The header that seals it.
pub const X_SESSION_ENVELOPE: &str = "x-session-envelope";
/// How far an envelope's time may be from ours, in seconds, in either direction.
pub const WINDOW_S: i64 = 30;
/// The shortest and the longest nonce, in characters.
const NONCE_CHARACTERS: std::ops::RangeInclusive<usize> = 16..=64;
/// How many envelopes can come within a window; the nonces of two windows are kept, at about 64 bytes each.
const MAX_PER_WINDOW: usize = 200_000;

/// Opens the envelopes of a gateway for one service, and seals them at the gateway.
pub struct GatewayEnvelope {
    audience: String,
    /// The first seals; all open, so that a key can be changed.
    keys: Vec<hmac::Key>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

/// The nonces that have been used, in two windows: what is older than both is refused for its age.
#[derive(Default)]
struct Seen {
    window: i64,
    now: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
}

/// The two headers of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSession {
    /// The value of `X-Session`.
    pub session: String,
    /// The value of `X-Session-Envelope`.
    pub envelope: String,
}

impl GatewayEnvelope {
    /// Envelopes for the service called `audience`. The key is a secret of 32 random bytes or more that gateway and
    /// service share.
    #[must_use]
    pub fn new(audience: impl Into<String>, key: &Secret, clock: Arc<dyn Clock>) -> Self {
        Self { audience: audience.into(), keys: vec![hmac_key(key)], clock, seen: Mutex::default() }
    }

    /// Opens those of this key, too, while it takes the place of the other or the other of it.
    #[must_use]
    pub fn and_key(mut self, key: &Secret) -> Self {
        self.keys.push(hmac_key(key));
        self
    }

    /// Seals the session for one request; `target` is its path with the query. For a gateway.
    #[must_use]
    pub fn seal(&self, session: &Session, (method, target): (&str, &str)) -> SealedSession {
        let session = URL_SAFE_NO_PAD.encode(session.as_json());
        let (time_s, nonce) = (self.clock.now().timestamp(), Uuid::new_v4().simple().to_string());
        let sealed = Sealed { time_s, nonce: &nonce, session: session.as_bytes() };
        let message = sealed.message(&self.audience, (method, target));
        let mac = self.keys.first().map(|key| hmac::sign(key, &message));
        let mac = mac.map(|mac| URL_SAFE_NO_PAD.encode(mac)).unwrap_or_default();
        SealedSession { envelope: format!("v1;t={time_s};n={nonce};m={mac}"), session }
    }

    /// The session of a request. `None` when there is no envelope: then a session header says nothing.
    pub(crate) fn open(&self, head: &impl RequestHead) -> Result<Option<Session>, Refusal> {
        let malformed = || Refusal::because(Reason::EnvelopeMalformed);
        let mut envelopes = head.values(X_SESSION_ENVELOPE);
        let Some(envelope) = envelopes.next() else { return Ok(None) };
        let mut sessions = head.values(X_SESSION);
        let (Some(session), None, None) = (sessions.next(), sessions.next(), envelopes.next())
        else {
            return Err(malformed());
        };
        let envelope = std::str::from_utf8(envelope).map_err(|_| malformed())?;
        let (sealed, mac) = Sealed::parse(envelope, session).ok_or_else(malformed)?;
        let message = sealed.message(&self.audience, (head.method(), &head.target()));
        if !self.keys.iter().any(|key| hmac::verify(key, &message, &mac).is_ok()) {
            return Err(Refusal::because(Reason::EnvelopeForged));
        }
        let now = self.clock.now();
        self.first_use(&sealed, now)?;
        let text =
            URL_SAFE_NO_PAD.decode(session).ok().and_then(|text| String::from_utf8(text).ok());
        let session = text.and_then(|text| Session::parse(&text).ok()).ok_or_else(malformed)?;
        Ok(Some(session.loaded_at(now)))
    }

    /// Notes the nonce of an envelope whose MAC is right: a stranger cannot fill the memory.
    fn first_use(&self, sealed: &Sealed<'_>, now: Timestamp) -> Result<(), Refusal> {
        let age_s = now.timestamp() - sealed.time_s;
        if age_s.abs() > WINDOW_S {
            return Err(
                Refusal::because(Reason::EnvelopeStale).with_detail(format!("{age_s} s old"))
            );
        }
        let nonce = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sealed.nonce.as_bytes());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(nonce.as_ref());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.turn(now.timestamp());
        if seen.now.contains(&fingerprint) || seen.before.contains(&fingerprint) {
            return Err(Refusal::because(Reason::EnvelopeReplayed));
        }
        if seen.now.len() >= MAX_PER_WINDOW {
            return Err(Refusal::because(Reason::EnvelopesUncountable));
        }
        seen.now.insert(fingerprint);
        Ok(())
    }
}

impl Seen {
    /// An envelope is good from 30 s before its time to 30 s after: two windows of 60 s cover that.
    fn turn(&mut self, now_s: i64) {
        let window = now_s.div_euclid(2 * WINDOW_S + 1);
        if window > self.window {
            let last = std::mem::take(&mut self.now);
            self.before = if window == self.window + 1 { last } else { HashSet::new() };
            self.window = window;
        }
    }
}

/// What an envelope says.
struct Sealed<'e> {
    time_s: i64,
    nonce: &'e str,
    session: &'e [u8],
}

impl<'e> Sealed<'e> {
    fn parse(envelope: &'e str, session: &'e [u8]) -> Option<(Self, Vec<u8>)> {
        let mut members = envelope.split(';');
        let mut member = |prefix: &str| members.next()?.strip_prefix(prefix);
        member("v1").filter(|rest| rest.is_empty())?;
        let (time_s, nonce, mac) = (member("t=")?.parse().ok()?, member("n=")?, member("m=")?);
        let plain = nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        (members.next().is_none() && plain && NONCE_CHARACTERS.contains(&nonce.len()))
            .then_some((Self { time_s, nonce, session }, mac))
    }

    /// None of the parts can hold a line feed, so no two requests have the same message.
    fn message(&self, audience: &str, (method, target): (&str, &str)) -> Vec<u8> {
        let Self { time_s, nonce, session } = self;
        let head = format!("baton-session-v1\n{audience}\n{method}\n{target}\n{time_s}\n{nonce}\n");
        [head.as_bytes(), session].concat()
    }
}

fn hmac_key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())
}

impl fmt::Debug for GatewayEnvelope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GatewayEnvelope({})", self.audience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    /// To forget one would let it be used again.
    #[test]
    fn an_envelope_that_cannot_be_remembered_is_refused() {
        let clock = SystemClock::shared();
        let envelope = GatewayEnvelope::new("a", &Secret::new("k"), Arc::clone(&clock));
        let now = clock.now();
        let used = |number: usize, at: Timestamp| {
            let nonce = format!("{number:032}");
            let sealed = Sealed { time_s: at.timestamp(), nonce: &nonce, session: b"" };
            envelope.first_use(&sealed, at).map_err(|refusal| refusal.reason())
        };
        assert!((0..MAX_PER_WINDOW).all(|number| used(number, now).is_ok()));
        assert_eq!(used(MAX_PER_WINDOW, now), Err(Reason::EnvelopesUncountable));
        assert_eq!(used(0, now), Err(Reason::EnvelopeReplayed));
        // The next window has room of its own.
        let later = now + chrono::TimeDelta::seconds(2 * WINDOW_S + 1);
        assert_eq!(used(MAX_PER_WINDOW, later), Ok(()));
    }
}
