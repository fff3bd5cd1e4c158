//! [`TokenSigner`]: writes tokens, with a key that is parsed once.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use aws_lc_rs::{digest, rsa};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::token::algorithm::Algorithm;
use crate::token::key_set::Jwk;
use crate::token::{AccessToken, Claims, TOKEN_TYPE};

/// A private key could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The bytes are not a PKCS#8 key of the algorithm.
    #[error("not a PKCS#8 private key for {0}")]
    NotAKey(Algorithm),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Crypto,
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written: {0}")]
    Claims(#[from] serde_json::Error),
}

impl From<aws_lc_rs::error::Unspecified> for SigningError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}

enum KeyMaterial {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(Box<RsaKeyPair>),
}

/// Writes access tokens with one private key. Make it once and keep it: reading a private key costs more
/// than a signature.
///
/// ```
/// use shared::{Algorithm, TokenSigner};
///
/// let pkcs8 = TokenSigner::generate(Algorithm::Es256)?;
/// let signer = TokenSigner::from_pkcs8(Algorithm::Es256, &pkcs8)?;
/// println!("publish: {:?}", signer.public_key());
/// # Ok::<(), shared::SigningError>(())
/// ```
pub struct TokenSigner {
    material: KeyMaterial,
    jwk: Jwk,
    kid: String,
    /// The header, the same for every token, already in base64url.
    header: String,
    random: SystemRandom,
}

impl TokenSigner {
    /// Makes a new private key, in PKCS#8 (RFC 5958). RSA keys have 2048 bits.
    ///
    /// # Errors
    /// [`SigningError::Crypto`] when the library fails.
    pub fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            Algorithm::Es256 => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
                made.as_ref().to_vec()
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random)?.as_ref().to_vec(),
            Algorithm::Rs256 => {
                let made = RsaKeyPair::generate(rsa::KeySize::Rsa2048)?;
                AsDer::<Pkcs8V1Der<'static>>::as_der(&made)?.as_ref().to_vec()
            }
        };
        Ok(Zeroizing::new(pkcs8))
    }

    /// Reads a private key. Its id is the JWK thumbprint (RFC 7638) of the public part, so that the same
    /// key has the same id wherever it is loaded.
    ///
    /// # Errors
    /// [`SigningError::NotAKey`] when the bytes are not such a key.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, SigningError> {
        let rejected = |_| SigningError::NotAKey(algorithm);
        let material = match algorithm {
            Algorithm::Es256 => KeyMaterial::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(rejected)?,
            ),
            Algorithm::EdDsa => {
                KeyMaterial::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(rejected)?)
            }
            Algorithm::Rs256 => {
                KeyMaterial::Rs256(Box::new(RsaKeyPair::from_pkcs8(pkcs8).map_err(rejected)?))
            }
        };
        let (jwk, kid) = public_key(&material, algorithm);
        let header = json!({"typ": TOKEN_TYPE, "alg": algorithm.name(), "kid": kid}).to_string();
        let header = URL_SAFE_NO_PAD.encode(header);
        Ok(Self { material, jwk, kid, header, random: SystemRandom::new() })
    }

    /// The id of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key, to be published.
    #[must_use]
    pub fn public_key(&self) -> &Jwk {
        &self.jwk
    }

    /// Writes and signs a token (RFC 7515 section 7.1).
    ///
    /// # Errors
    /// [`SigningError`] when the library fails; the claims are ours and can always be written.
    pub fn sign(&self, claims: &Claims) -> Result<AccessToken, SigningError> {
        let mut token = String::new();
        self.sign_into(claims, &mut token)?;
        Ok(AccessToken::new(token))
    }

    /// The same, to the end of a text that is being written: for who hands out many at once. The text holds tokens from
    /// then on, and does not hide itself.
    ///
    /// # Errors
    /// As [`TokenSigner::sign`]; what was written by then stays.
    pub fn sign_into(&self, claims: &Claims, text: &mut String) -> Result<(), SigningError> {
        let payload = serde_json::to_vec(claims)?;
        text.reserve(self.header.len() + payload.len() * 4 / 3 + 360);
        let start = text.len();
        text.push_str(&self.header);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&payload, text);
        let signature = self.signature(&text.as_bytes()[start..])?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, text);
        Ok(())
    }

    /// Writes and signs a JWS of another type than an access token's (RFC 8725 section 3.11), with this JSON as its
    /// payload.
    ///
    /// # Errors
    /// As [`TokenSigner::sign`]; also when the payload cannot be written as JSON.
    pub fn sign_as(&self, typ: &str, payload: &impl Serialize) -> Result<String, SigningError> {
        let header = json!({"typ": typ, "alg": self.jwk.alg, "kid": self.kid}).to_string();
        let mut text = URL_SAFE_NO_PAD.encode(header);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(payload)?, &mut text);
        let signature = self.signature(text.as_bytes())?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut text);
        Ok(text)
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        match &self.material {
            KeyMaterial::Es256(key) => Ok(key.sign(&self.random, message)?.as_ref().to_vec()),
            KeyMaterial::EdDsa(key) => Ok(key.sign(message).as_ref().to_vec()),
            KeyMaterial::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenSigner({})", self.kid)
    }
}

fn public_key(material: &KeyMaterial, algorithm: Algorithm) -> (Jwk, String) {
    let text = |bytes: &[u8]| Some(URL_SAFE_NO_PAD.encode(bytes));
    let (mut crv, mut x, mut y, mut n, mut e) = (None, None, None, None, None);
    let kty = match material {
        KeyMaterial::Es256(key) => {
            // An uncompressed point: one byte 4, then the two coordinates of 32 bytes each.
            let point = key.public_key().as_ref();
            let (first, second) = point.get(1..).unwrap_or_default().split_at(32);
            (crv, x, y) = (Some("P-256".to_owned()), text(first), text(second));
            "EC"
        }
        KeyMaterial::EdDsa(key) => {
            (crv, x) = (Some("Ed25519".to_owned()), text(key.public_key().as_ref()));
            "OKP"
        }
        KeyMaterial::Rs256(key) => {
            let public = key.public_key();
            n = text(public.modulus().big_endian_without_leading_zero());
            e = text(public.exponent().big_endian_without_leading_zero());
            "RSA"
        }
    };
    // RFC 7638 section 3: the required members only, in alphabetical order, without white space.
    let required = match kty {
        "EC" => json!({"crv": crv, "kty": kty, "x": x, "y": y}),
        "OKP" => json!({"crv": crv, "kty": kty, "x": x}),
        _ => json!({"e": e, "kty": kty, "n": n}),
    };
    let thumbprint = digest::digest(&digest::SHA256, required.to_string().as_bytes());
    let kid = URL_SAFE_NO_PAD.encode(thumbprint.as_ref());
    let (kty, alg, use_) = (kty.to_owned(), Some(algorithm.name().to_owned()), Some("sig".into()));
    (Jwk { kty, kid: Some(kid.clone()), alg, use_, crv, x, y, n, e }, kid)
}
