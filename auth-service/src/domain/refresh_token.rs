//! [`RefreshToken`]: what a browser keeps of a login. Others see 64 bytes; we see which login it is of, its place in the
//! line of those that came one after the other, and that we made it. Only its hash is kept.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, digest, error, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::seal::TokenMacs;

const SID_BYTES: usize = 16;
const GENERATION_BYTES: usize = 4;
const SECRET_BYTES: usize = 32;
const MAC_BYTES: usize = 12;
/// What is authenticated: all but the code itself.
const SIGNED_BYTES: usize = SID_BYTES + GENERATION_BYTES + SECRET_BYTES;
const TOKEN_BYTES: usize = SIGNED_BYTES + MAC_BYTES;
/// Beside others of the same hash: what is sealed for the holder of a token is sealed with a key of this use alone.
const PAIR_KEY_USE: &[u8] = b"baton: the pair that follows this refresh token";

/// A refresh token that this server has made, be it good or long used up.
#[derive(Clone)]
pub(crate) struct RefreshToken {
    bytes: Zeroizing<[u8; TOKEN_BYTES]>,
    pub(crate) sid: Uuid,
    /// The first one of a login is 0; each renewal adds one.
    pub(crate) generation: u32,
}

/// SHA-256 of a refresh token, as it is stored: of 256 random bits a slow hash would protect nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenHash(String);

impl TokenHash {
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl RefreshToken {
    /// A new one: 256 random bits, for this place of this login.
    pub(crate) fn generate(
        sid: Uuid,
        generation: u32,
        macs: &TokenMacs,
    ) -> Result<Self, error::Unspecified> {
        let mut bytes = Zeroizing::new([0_u8; TOKEN_BYTES]);
        let (signed, mac) = bytes.split_at_mut(SIGNED_BYTES);
        let (head, secret) = signed.split_at_mut(SID_BYTES + GENERATION_BYTES);
        let (own_sid, own_generation) = head.split_at_mut(SID_BYTES);
        own_sid.copy_from_slice(sid.as_bytes());
        own_generation.copy_from_slice(&generation.to_be_bytes());
        rand::fill(secret)?;
        let tag = hmac::sign(macs.current(), signed);
        mac.copy_from_slice(tag.as_ref().get(..MAC_BYTES).ok_or(error::Unspecified)?);
        Ok(Self { bytes, sid, generation })
    }

    /// Reads one. None: this server has not made it, and there is nothing to look for.
    pub(crate) fn parse(text: &str, macs: &TokenMacs) -> Option<Self> {
        let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes = Zeroizing::new(<[u8; TOKEN_BYTES]>::try_from(decoded.as_slice()).ok()?);
        let (signed, mac) = bytes.split_at(SIGNED_BYTES);
        let made_with = |key: &hmac::Key| {
            let tag = hmac::sign(key, signed);
            let own = tag.as_ref().get(..MAC_BYTES).unwrap_or_default();
            constant_time::verify_slices_are_equal(own, mac).is_ok()
        };
        if !macs.keys().any(made_with) {
            return None;
        }
        let (sid, rest) = signed.split_first_chunk()?;
        let (generation, _) = rest.split_first_chunk()?;
        let (sid, generation) = (Uuid::from_bytes(*sid), u32::from_be_bytes(*generation));
        Some(Self { bytes, sid, generation })
    }

    /// The text that the browser keeps.
    pub(crate) fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes.as_slice())
    }

    pub(crate) fn hash(&self) -> TokenHash {
        let hash = digest::digest(&digest::SHA256, self.bytes.as_slice());
        TokenHash(URL_SAFE_NO_PAD.encode(hash.as_ref()))
    }

    /// Seals what follows this token, so that whoever still holds it can be given the same again: nobody else can read
    /// it, neither from the database nor with the master key.
    pub(crate) fn seal(&self, pair: &str) -> Result<SealedPair, error::Unspecified> {
        let mut text = Zeroizing::new(pair.as_bytes().to_vec());
        let nonce = self.pair_key()?.seal_in_place_append_tag(Aad::empty(), &mut *text)?;
        Ok(SealedPair([nonce.as_ref().as_slice(), text.as_slice()].concat()))
    }

    /// None: it was sealed for another token.
    pub(crate) fn open(&self, sealed: &SealedPair) -> Option<Zeroizing<String>> {
        let (nonce, text) = sealed.0.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let opened = self.pair_key().ok()?.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
        std::str::from_utf8(opened).ok().map(|text| Zeroizing::new(text.to_owned()))
    }

    fn pair_key(&self) -> Result<RandomizedNonceKey, error::Unspecified> {
        let key =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.bytes.as_slice()), PAIR_KEY_USE);
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RefreshToken(login {}, generation {})", self.sid, self.generation)
    }
}

/// A pair of tokens that only the holder of the one before can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealedPair(Vec<u8>);

impl SealedPair {
    pub(crate) fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_made_and_not_with_a_bit_changed() -> Result<(), error::Unspecified>
    {
        let (macs, others) = (TokenMacs::for_tests(1), TokenMacs::for_tests(2));
        let token = RefreshToken::generate(Uuid::now_v7(), 7, &macs)?;
        let text = token.expose();
        let read = RefreshToken::parse(&text, &macs).ok_or(error::Unspecified)?;
        assert_eq!((read.sid, read.generation, read.hash()), (token.sid, 7, token.hash()));
        assert!(RefreshToken::parse(&text, &others).is_none());
        for place in 0..TOKEN_BYTES {
            let mut bytes = *token.bytes;
            bytes[place] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(bytes);
            assert!(RefreshToken::parse(&changed, &macs).is_none(), "byte {place}");
        }
        for bad in ["", "x", &format!("{text}="), &text[1..], &format!("{text}AAAA")] {
            assert!(RefreshToken::parse(bad, &macs).is_none(), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn only_the_holder_of_a_token_can_read_what_was_sealed_for_him()
    -> Result<(), error::Unspecified> {
        let macs = TokenMacs::for_tests(1);
        let sid = Uuid::now_v7();
        let (one, two) =
            (RefreshToken::generate(sid, 1, &macs)?, RefreshToken::generate(sid, 1, &macs)?);
        let sealed = one.seal("a pair")?;
        assert_eq!(one.open(&sealed).as_deref().map(String::as_str), Some("a pair"));
        assert!(two.open(&sealed).is_none());
        assert!(!sealed.as_bytes().windows(4).any(|part| part == b"pair"));
        Ok(())
    }

    #[test]
    fn a_token_does_not_print() -> Result<(), error::Unspecified> {
        let token = RefreshToken::generate(Uuid::now_v7(), 0, &TokenMacs::for_tests(1))?;
        let shown = format!("{token:?}");
        assert!(!shown.contains(&token.expose()[30..]), "{shown}");
        Ok(())
    }
}
