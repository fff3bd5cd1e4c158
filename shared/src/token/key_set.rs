//! [`KeySet`]: an issuer's public keys (RFC 7517), and where a verifier gets them.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::token::algorithm::Algorithm;

/// The most keys that a set may hold.
const MAX_KEYS: usize = 100;
/// The smallest RSA modulus that we accept, in bytes (2048 bits).
const MIN_RSA_BYTES: usize = 256;

/// A public key as JSON (RFC 7517 section 4).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Key type: `EC`, `OKP` or `RSA`.
    #[cfg_attr(feature = "openapi", schema(examples("EC")))]
    pub kty: String,
    /// Key id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("es256-2026-07")))]
    pub kid: Option<String>,
    /// The one algorithm that the key is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("ES256")))]
    pub alg: Option<String>,
    /// What the key is for: `sig`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("sig")))]
    pub use_: Option<String>,
    /// Curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("P-256")))]
    pub crv: Option<String>,
    /// First coordinate, or the whole of an Ed25519 key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(nullable = false, examples("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"))
    )]
    pub x: Option<String>,
    /// Second coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(nullable = false, examples("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"))
    )]
    pub y: Option<String>,
    /// RSA modulus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub n: Option<String>,
    /// RSA exponent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub e: Option<String>,
}

/// A set of public keys as JSON (RFC 7517 section 5).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// One public key, ready to verify with: reading it anew for every token would cost as much as a verification.
pub struct VerifyingKey {
    pub(crate) algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// The key of a JWK that is for signatures, has an id, and is of a kind that we use.
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if jwk.use_.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let algorithm: Algorithm = jwk.alg.as_deref()?.parse().ok()?;
        let key = match (algorithm, jwk.kty.as_str(), jwk.crv.as_deref()) {
            (Algorithm::Es256, "EC", Some("P-256")) => {
                // An uncompressed point: one byte 4, then the two coordinates.
                let point = [vec![4], sized(&jwk.x, 32)?, sized(&jwk.y, 32)?].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            }
            (Algorithm::EdDsa, "OKP", Some("Ed25519")) => {
                ParsedPublicKey::new(&ED25519, sized(&jwk.x, 32)?)
            }
            (Algorithm::Rs256, "RSA", None) => {
                let n = decoded(&jwk.n).filter(|modulus| modulus.len() >= MIN_RSA_BYTES)?;
                let components = RsaPublicKeyComponents { n, e: decoded(&jwk.e)? };
                components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
            _ => return None,
        };
        Some(Self { algorithm, key: key.ok()? })
    }

    /// Whether this is the key's signature of the message.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

/// The keys of an issuer by their key id.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, Arc<VerifyingKey>>,
}

/// Why a text is not a set of public keys.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// Not JSON, or not a JWK set.
    #[error("not a JWK set")]
    NotAKeySet,
    /// Too many keys to be meant seriously.
    #[error("more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// The set publishes private or symmetric key material: whoever signs with it can no longer be told.
    #[error("the set holds a private or a symmetric key")]
    PrivateKey,
    /// No key in it can be used.
    #[error("no usable key in the set")]
    Empty,
}

impl KeySet {
    /// Reads a JWK set. Keys of a kind that we do not use are passed over.
    ///
    /// # Errors
    /// A [`KeySetError`]; above all when the set publishes a private key, or has no usable one.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        let value: serde_json::Value =
            serde_json::from_slice(json).map_err(|_| KeySetError::NotAKeySet)?;
        let keys = value.get("keys").and_then(|keys| keys.as_array());
        let keys = keys.ok_or(KeySetError::NotAKeySet)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let secret =
            |key: &&serde_json::Value| ["d", "p", "q", "k"].iter().any(|m| key.get(m).is_some());
        if keys.iter().any(|key| secret(&key)) {
            return Err(KeySetError::PrivateKey);
        }
        let jwks = keys.iter().filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
        Self::from_jwks(jwks)
    }

    /// The set of these keys.
    ///
    /// # Errors
    /// [`KeySetError::Empty`] when none can be used.
    pub fn from_jwks(jwks: impl IntoIterator<Item = Jwk>) -> Result<Self, KeySetError> {
        let keys: HashMap<_, _> = jwks.into_iter().filter_map(usable).collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self { keys }) }
    }

    /// The key of this id.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        self.keys.get(kid).cloned()
    }
}

fn usable(jwk: Jwk) -> Option<(String, Arc<VerifyingKey>)> {
    let key = VerifyingKey::from_jwk(&jwk)?;
    Some((jwk.kid?, Arc::new(key)))
}

/// The member as bytes, in strict base64url.
fn decoded(member: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(member.as_deref()?).ok()
}

/// The same, if it is exactly this many bytes.
fn sized(member: &Option<String>, bytes: usize) -> Option<Vec<u8>> {
    decoded(member).filter(|decoded| decoded.len() == bytes)
}

/// The keys cannot be had just now; whether a token is good is not known.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeysUnavailable(pub String);

/// Where a [`TokenVerifier`](crate::TokenVerifier) gets its keys.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key, if it is at hand without waiting.
    fn find_now(&self, kid: &str) -> Option<Arc<VerifyingKey>>;

    /// The key, also when it has to be asked for. `Ok(None)`: the issuer has no such key.
    async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysUnavailable>;

    /// The key of a source that has one only; for a JWS that does not name its key.
    fn only_key(&self) -> Option<Arc<VerifyingKey>> {
        None
    }

    /// Rises each time a key that was given out before is no longer good; what was verified with it is then
    /// verified again.
    fn generation(&self) -> u64 {
        0
    }
}

#[async_trait]
impl KeySource for KeySet {
    fn find_now(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        KeySet::find(self, kid)
    }

    async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysUnavailable> {
        Ok(KeySet::find(self, kid))
    }

    fn only_key(&self) -> Option<Arc<VerifyingKey>> {
        let mut keys = self.keys.values();
        keys.next().filter(|_| keys.len() == 0).cloned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::token::signer::{SigningError, TokenSigner};

    fn public_key(algorithm: Algorithm) -> Result<Value, SigningError> {
        let signer = TokenSigner::from_pkcs8(algorithm, &TokenSigner::generate(algorithm)?)?;
        Ok(json!(signer.public_key()))
    }

    /// The set of this key with other members; `null` takes one away.
    fn with(key: &Value, members: &Value) -> Result<KeySet, KeySetError> {
        let mut key = key.clone();
        for (name, value) in members.as_object().into_iter().flatten() {
            key[name] = value.clone();
        }
        KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes())
    }

    #[test]
    fn a_key_is_used_only_if_all_its_members_are_of_one_kind() -> Result<(), SigningError> {
        let text = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        let everywhere = [
            json!({"use": "enc"}),
            json!({"kid": null}),
            json!({"alg": null}),
            json!({"alg": "RS512"}),
            json!({"kty": "oct"}),
            json!({"crv": "P-384"}),
        ];
        let (short, long) = (text(31), text(33));
        let own = [
            (Algorithm::Es256, [json!({"kty": "OKP"}), json!({"x": short}), json!({"y": long})]),
            (
                Algorithm::EdDsa,
                [json!({"kty": "EC"}), json!({"x": short}), json!({"crv": "X25519"})],
            ),
            (Algorithm::Rs256, [json!({"kty": "EC"}), json!({"n": text(255)}), json!({"e": null})]),
        ];
        for (algorithm, bent) in own {
            let key = public_key(algorithm)?;
            assert!(with(&key, &json!({})).is_ok() && with(&key, &json!({"use": null})).is_ok());
            for members in everywhere.iter().chain(&bent) {
                let set = with(&key, members);
                assert!(matches!(set, Err(KeySetError::Empty)), "{algorithm} {members}");
            }
        }
        Ok(())
    }

    /// The same 64 bytes, cut at another place, are no two coordinates.
    #[test]
    fn a_coordinate_has_its_whole_length() -> Result<(), SigningError> {
        let key = public_key(Algorithm::Es256)?;
        let member = |name: &str| decoded(&key[name].as_str().map(str::to_owned));
        let point = [member("x"), member("y")].into_iter().flatten().collect::<Vec<_>>().concat();
        let cut = |at: usize| {
            let (x, y) = point.split_at(at);
            with(&key, &json!({"x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}))
        };
        assert!(cut(32).is_ok());
        assert!(matches!((cut(31), cut(33)), (Err(KeySetError::Empty), Err(KeySetError::Empty))));
        Ok(())
    }

    #[test]
    fn a_set_with_any_part_of_a_private_key_is_refused() -> Result<(), SigningError> {
        let key = public_key(Algorithm::EdDsa)?;
        for member in ["d", "p", "q", "k"] {
            let set = with(&key, &json!({ member: "AQ" }));
            assert!(matches!(set, Err(KeySetError::PrivateKey)), "{member}");
        }
        Ok(())
    }

    #[test]
    fn a_set_has_a_hundred_keys_at_most() -> Result<(), SigningError> {
        let key = public_key(Algorithm::EdDsa)?;
        let set = |keys| KeySet::parse(json!({ "keys": vec![&key; keys] }).to_string().as_bytes());
        assert!(set(100).is_ok());
        assert!(matches!(set(101), Err(KeySetError::TooManyKeys)));
        Ok(())
    }
}
