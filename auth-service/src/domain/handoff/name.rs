//! What a handoff is called: its id, which is told once; the name that is made of it; and the key of each use.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::Claims;
use uuid::{Builder, Uuid};

/// By which an id is known at sight, in a log or a row.
pub(crate) const PREFIX: &str = "ho_";
const RANDOM_BYTES: usize = 32;
/// A SHA-256, written in base64.
pub(crate) const NAME_CHARS: usize = 43;
/// The bytes of a SHA-256 that tell two uses of one handoff apart.
const KEY_BYTES: usize = 16;
/// The longest text by which a client names a use, in bytes.
const MAX_REDEMPTION_BYTES: usize = 128;

/// What the client that hands on gets, and gives to the one that is to use it: 256 random bits. It may lie anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandoffId(String);

impl HandoffId {
    pub(crate) fn generate() -> Result<Self, Unspecified> {
        let mut bytes = [0_u8; RANDOM_BYTES];
        rand::fill(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn name(&self) -> HandoffName {
        HandoffName::of_id(&self.0)
    }
}

/// SHA-256 of the id: what is stored, and what others get to see. Nothing can be done with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HandoffName(String);

impl HandoffName {
    /// Of whatever is said to be an id.
    pub(crate) fn of_id(id: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, id.as_bytes());
        Self(URL_SAFE_NO_PAD.encode(hash.as_ref()))
    }

    /// The name itself, or that of an id: for people, who have the one or the other.
    pub(crate) fn of_either(text: &str) -> Self {
        // A name may begin like an id, and is shorter.
        let is_id = text.starts_with(PREFIX) && text.len() != NAME_CHARS;
        if is_id { Self::of_id(text) } else { Self(text.to_owned()) }
    }

    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The word in whose name a client asks for a token, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UseLine(String);

impl UseLine {
    /// None: it is no word.
    pub(crate) fn parse(redemption: &str) -> Option<Self> {
        let sound = (1..=MAX_REDEMPTION_BYTES).contains(&redemption.len())
            && redemption.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(redemption.to_owned()))
    }

    /// The key of the use that has this place among those in this name, for the same services and scope.
    pub(crate) fn key(&self, claims: &Claims, place: u32) -> UseKey {
        let (aud, scope) = (claims.aud.join(" "), &claims.scope);
        let hash = hash_of(&format!("{} {place} {aud} {scope}", self.0));
        UseKey(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Under which key a use is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UseKey(String);

impl UseKey {
    /// Of a use that the client does not name: no other is the same.
    pub(crate) fn of_its_own() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    pub(crate) fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The `jti` of its token: the same each time it is told.
    pub(crate) fn token_id(&self, handoff: &HandoffName) -> String {
        let hash = hash_of(&format!("jti {} {}", handoff.as_str(), self.0));
        Builder::from_random_bytes(hash).into_uuid().to_string()
    }
}

fn hash_of(text: &str) -> [u8; KEY_BYTES] {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut first = [0; KEY_BYTES];
    first.iter_mut().zip(hash.as_ref()).for_each(|(own, byte)| *own = *byte);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_by_its_name_and_not_the_other_way() -> Result<(), Unspecified> {
        let (one, other) = (HandoffId::generate()?, HandoffId::generate()?);
        assert_ne!(one.name(), other.name());
        assert_eq!(one.name().as_str().len(), NAME_CHARS);
        assert_eq!(HandoffName::of_either(one.as_str()), one.name());
        assert_eq!(HandoffName::of_either(one.name().as_str()), one.name());
        assert_ne!(HandoffName::of_id(one.name().as_str()), one.name());
        let like_an_id = format!("{PREFIX}{}", "x".repeat(NAME_CHARS - PREFIX.len()));
        assert_eq!(HandoffName::of_either(&like_an_id).as_str(), like_an_id);
        Ok(())
    }

    #[test]
    fn no_two_uses_have_a_token_of_one_id() {
        let (one, other) = (HandoffName::of_id("ho_1"), HandoffName::of_id("ho_2"));
        let key = UseKey::of_its_own();
        assert_eq!(key.token_id(&one), key.token_id(&one));
        assert_ne!(key.token_id(&one), key.token_id(&other));
        assert_ne!(key.token_id(&one), UseKey::of_its_own().token_id(&one));
    }

    #[test]
    fn a_word_is_visible() {
        for word in ["", "a b", "a\n", "ä", &"x".repeat(129)] {
            assert_eq!(UseLine::parse(word), None, "{word}");
        }
        assert!(UseLine::parse("run-17.1").is_some());
    }
}
