//! Sessions, tokens and a stopped clock for the tests of your own service.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::{Clock, Timestamp};
use crate::scopes::Scopes;
use crate::session::Session;
use crate::token::algorithm::Algorithm;
use crate::token::key_set::KeySet;
use crate::token::signer::{SigningError, TokenSigner};
use crate::token::verifier::{Expectation, TokenVerifier};
use crate::token::{AccessToken, Claims, TOKEN_TYPE};

/// A clock that stands still until it is moved.
#[derive(Clone, Debug)]
pub struct StoppedClock {
    now: Arc<Mutex<Timestamp>>,
    monotonic_ms: Arc<AtomicI64>,
}

impl StoppedClock {
    /// Stands at this second since 1970.
    #[must_use]
    pub fn at(unix_s: i64) -> Self {
        let now = DateTime::from_timestamp(unix_s, 0).unwrap_or_default();
        Self { now: Arc::new(Mutex::new(now)), monotonic_ms: Arc::default() }
    }

    /// Moves both the wall clock and the monotonic one.
    pub fn advance(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) += TimeDelta::milliseconds(ms);
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an operator does; the monotonic one goes on as if nothing had happened.
    pub fn set_wall_clock(&self, unix_s: i64) {
        let now = DateTime::from_timestamp(unix_s, 0).unwrap_or_default();
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn monotonic(&self) -> Duration {
        let ms = self.monotonic_ms.load(Ordering::SeqCst);
        Duration::from_millis(u64::try_from(ms).unwrap_or_default())
    }
}

/// An issuer in the test's own process.
#[derive(Debug)]
pub struct TestIssuer {
    signer: TokenSigner,
    issuer: String,
    clock: Arc<dyn Clock>,
}

impl TestIssuer {
    /// An issuer with a fresh key.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn new(algorithm: Algorithm, clock: Arc<dyn Clock>) -> Result<Self, SigningError> {
        let signer = TokenSigner::from_pkcs8(algorithm, &TokenSigner::generate(algorithm)?)?;
        Ok(Self::with_signer(signer, clock))
    }

    /// An issuer with this key.
    #[must_use]
    pub fn with_signer(signer: TokenSigner, clock: Arc<dyn Clock>) -> Self {
        Self { signer, issuer: "https://issuer.test".to_owned(), clock }
    }

    /// The same issuer under another name: what it writes into `iss`.
    #[must_use]
    pub fn named(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// The key it signs with.
    #[must_use]
    pub fn signer(&self) -> &TokenSigner {
        &self.signer
    }

    /// Claims of a good five-minute token for `audience`, to be bent by the test.
    #[must_use]
    pub fn claims(&self, audience: &str, scope: Scopes, session: Option<Session>) -> Claims {
        let now_s = self.clock.now().timestamp();
        Claims {
            iss: self.issuer.clone(),
            sub: "test-client".to_owned(),
            aud: vec![audience.to_owned()],
            client_id: "test-client".to_owned(),
            scope,
            iat: now_s,
            exp: now_s + 300,
            nbf: None,
            jti: Uuid::new_v4().to_string(),
            session,
            sid: None,
            auth_time: None,
            act: None,
            handoff: None,
        }
    }

    /// Signs them.
    ///
    /// # Errors
    /// As [`TokenSigner::sign`].
    pub fn sign(&self, claims: &Claims) -> Result<AccessToken, SigningError> {
        self.signer.sign(claims)
    }

    /// The header of its good tokens, to be bent by the test.
    #[must_use]
    pub fn header(&self) -> Value {
        let algorithm = self.signer.public_key().alg.as_deref();
        json!({"typ": TOKEN_TYPE, "alg": algorithm, "kid": self.signer.kid()})
    }

    /// Signs any two texts as header and claims, sense or nonsense.
    ///
    /// # Errors
    /// As [`TokenSigner::sign`].
    pub fn sign_raw(
        &self,
        header: impl AsRef<[u8]>,
        claims: impl AsRef<[u8]>,
    ) -> Result<AccessToken, SigningError> {
        let (header, claims) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        self.sign_message(&format!("{header}.{claims}"))
    }

    /// Signs `message`, which need not be header, dot and claims, and adds a dot and the signature.
    ///
    /// # Errors
    /// As [`TokenSigner::sign`].
    pub fn sign_message(&self, message: &str) -> Result<AccessToken, SigningError> {
        let signature = self.signer.signature(message.as_bytes())?;
        Ok(AccessToken::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    /// A verifier for the service called `audience` that trusts this issuer.
    ///
    /// # Errors
    /// When the issuer's own key is not usable, which does not happen.
    pub fn verifier(
        &self,
        audience: &str,
    ) -> Result<TokenVerifier, crate::token::key_set::KeySetError> {
        let keys = KeySet::from_jwks([self.signer.public_key().clone()])?;
        let expectation = Expectation {
            issuer: self.issuer.clone(),
            audience: audience.to_owned(),
            max_lifetime_s: 3600,
        };
        Ok(TokenVerifier::new(Arc::new(keys), expectation, Arc::clone(&self.clock)))
    }
}
