//! A file of a company.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::{CompanyId, Timestamp, UserId};
use uuid::{NoContext, Uuid};

use crate::error::FileError;

/// Of a name, a media type and an idempotency key alike.
const MAX_CHARS: usize = 255;
const SHA256_BYTES: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredFile {
    pub(crate) id: FileId,
    pub(crate) company_id: CompanyId,
    pub(crate) name: FileName,
    pub(crate) media_type: MediaType,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Sha256,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: UserId,
    /// The client that has acted on the user's behalf; none: the user alone.
    pub(crate) created_through: Option<String>,
    /// From then on whoever tidies up may delete it; none: nobody does.
    pub(crate) expires_at: Option<Timestamp>,
}

impl StoredFile {
    /// Whether the other one came of the same upload, sent again.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        self.name == other.name
            && self.sha256 == other.sha256
            && self.expires_at == other.expires_at
    }

    pub(crate) fn object_key(&self) -> ObjectKey {
        ObjectKey { company_id: self.company_id, id: self.id }
    }
}

/// UUIDv7: ids are in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId(Uuid);

impl FileId {
    pub(crate) fn new_at(now: Timestamp) -> Self {
        let unix_s = u64::try_from(now.timestamp()).unwrap_or_default();
        let nanos = now.timestamp_subsec_nanos();
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, unix_s, nanos)))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, FileError> {
        Uuid::try_parse(text).map(Self).map_err(|_| FileError::NoSuchFile)
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where the bytes of a file are: under our own ids, never under what a user has called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ObjectKey {
    pub(crate) company_id: CompanyId,
    pub(crate) id: FileId,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.company_id, self.id)
    }
}

/// What a user has called a file: a name, not a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName(String);

impl FileName {
    pub(crate) fn parse(text: &str) -> Result<Self, FileError> {
        let sound = (1..=MAX_CHARS).contains(&text.chars().count())
            && !text.chars().any(|c| c.is_control() || c == '/' || c == '\\')
            && text != "."
            && text != "..";
        if sound { Ok(Self(text.to_owned())) } else { Err(FileError::BadName) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for clients that know no other letters (RFC 6266 appendix D).
    pub(crate) fn in_ascii(&self) -> String {
        let plain = |c: &char| c.is_ascii() && !"\"%".contains(*c);
        self.0.chars().map(|c| if plain(&c) { c } else { '_' }).collect()
    }
}

/// What a file is: at first as its uploader says, then as [its bytes do](super::media_type::sniffed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaType(String);

impl MediaType {
    /// `type/subtype` with parameters or without (RFC 9110 section 8.3.1).
    pub(crate) fn parse(text: &str) -> Result<Self, FileError> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let sound = text.len() <= MAX_CHARS
            && essence.trim_end().split_once('/').is_some_and(|(a, b)| is_token(a) && is_token(b))
            && parameters.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if sound { Ok(Self(text.to_owned())) } else { Err(FileError::BadMediaType) }
    }

    /// One of our own lists.
    pub(crate) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for MediaType {
    fn default() -> Self {
        Self("application/octet-stream".to_owned())
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// The SHA-256 of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sha256([u8; SHA256_BYTES]);

impl Sha256 {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? * 16 + digit(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        Self::from_bytes(&bytes?)
    }

    /// Reads the `sha-256` of a `Content-Digest` (RFC 9530 section 2); digests of other kinds beside it do
    /// not matter.
    pub(crate) fn from_content_digest(text: &str) -> Result<Self, FileError> {
        let encoded = text.split(',').find_map(|member| {
            member.trim().strip_prefix("sha-256=:").and_then(|rest| rest.strip_suffix(':'))
        });
        let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
        bytes.and_then(|bytes| Self::from_bytes(&bytes)).ok_or(FileError::BadDigest)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
        let digits = self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        formatter.write_str(&digits.collect::<String>())
    }
}

/// What a client calls one upload, so that sending it twice makes one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    pub(crate) fn parse(text: &str) -> Result<Self, FileError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let sound = visible && (1..=MAX_CHARS).contains(&text.len());
        if sound { Ok(Self(text.to_owned())) } else { Err(FileError::BadIdempotencyKey) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_a_path() {
        let long = "가".repeat(256);
        let bad =
            ["", ".", "..", "../../x", "/etc/passwd", "a\\b", "a\0b", "a\r\nX: y", "\u{85}", &long];
        for text in bad {
            assert_eq!(FileName::parse(text), Err(FileError::BadName), "{text:?}");
        }
        let longest = "가".repeat(255);
        for text in
            ["statement.csv", "7월 명세서.csv", "CON", "...", "..%2f", "a\u{202e}b", &longest]
        {
            assert!(FileName::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn the_plain_form_of_a_name_cannot_leave_its_quotes() -> Result<(), FileError> {
        let name = FileName::parse("7월\"; x=\"%22.csv")?;
        assert_eq!(name.in_ascii(), "7__; x=__22.csv");
        Ok(())
    }

    #[test]
    fn a_media_type_has_two_parts() {
        for text in ["text/csv", "text/csv; charset=\"utf-8\"", "image/svg+xml", "a/b;c=d"] {
            assert!(MediaType::parse(text).is_ok(), "{text:?}");
        }
        let long = format!("text/{}", "x".repeat(255));
        let bad =
            ["", "text", "text/", "/csv", "text/c sv", "a/b/c", "a/b;\r\nX: y", "a/b;ä", &long];
        for text in bad {
            assert_eq!(MediaType::parse(text), Err(FileError::BadMediaType), "{text:?}");
        }
    }

    #[test]
    fn a_digest_is_read_from_its_header() {
        let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let good = [format!("sha-256=:{empty}:"), format!("sha-512=:AA==:, sha-256=:{empty}:")];
        for text in good {
            let digest = Sha256::from_content_digest(&text);
            assert_eq!(digest.map(|digest| digest.to_string()), Ok(hex.to_owned()), "{text}");
        }
        assert_eq!(Sha256::from_hex(hex).map(|digest| digest.to_string()).as_deref(), Some(hex));
        let bad = [
            "",
            "sha-256=",
            "sha-256=::",
            "sha-256=:AA==:",
            "sha-512=:AA==:",
            &format!("sha-256={empty}"),
            &format!("sha-256=:{hex}:"),
        ];
        for text in bad {
            assert_eq!(Sha256::from_content_digest(text), Err(FileError::BadDigest), "{text}");
        }
        for text in ["", "0", "zz", &hex[1..], "é"] {
            assert_eq!(Sha256::from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn an_idempotency_key_is_visible() {
        assert!(IdempotencyKey::parse("\"8e03978e-40d5\"").is_ok());
        for text in ["", "a b", "ä", "a\n", &"x".repeat(256)] {
            let key = IdempotencyKey::parse(text);
            assert_eq!(key, Err(FileError::BadIdempotencyKey), "{text:?}");
        }
    }

    #[test]
    fn ids_are_in_the_order_of_time() {
        let at = |unix_s| FileId::new_at(Timestamp::from_timestamp(unix_s, 0).unwrap_or_default());
        let (earlier, later) = (at(1_782_000_000), at(1_782_000_001));
        assert!(earlier.to_string() < later.to_string());
        assert_eq!(FileId::parse(&later.to_string()), Ok(later));
        assert_eq!(FileId::parse("../etc/passwd"), Err(FileError::NoSuchFile));
    }
}
