//! What tus 1.0 says in headers.

use actix_web::http::header::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::Timestamp;

use crate::domain::expiry::parse_expiry;
use crate::domain::file::{FileName, MediaType};
use crate::domain::resumable::upload::{Beginning, Checksum};
use crate::error::FileError;
use crate::storage::Algorithm;

/// The version that we speak.
pub(crate) const TUS_RESUMABLE: &str = "1.0.0";
pub(crate) const TUS_VERSION_HEADER: HeaderName = HeaderName::from_static("tus-version");
pub(crate) const TUS_RESUMABLE_HEADER: HeaderName = HeaderName::from_static("tus-resumable");
pub(crate) const EXTENSIONS: &str = "creation,creation-with-upload,termination,checksum,expiration";
pub(crate) const ALGORITHMS: &str = "sha256,sha1";
pub(crate) const CONTENT: &str = "application/offset+octet-stream";
const MAX_METADATA_BYTES: usize = 4096;

/// The one value of this header, if it is there.
pub(crate) fn value<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<Option<&'h str>, FileError> {
    let mut values = headers.get_all(name);
    let first = values.next().map(|value| value.to_str()).transpose();
    let first = first.map_err(|_| FileError::BadTusHeader(name))?;
    if values.next().is_some() { Err(FileError::BadTusHeader(name)) } else { Ok(first) }
}

pub(crate) fn check_version(headers: &HeaderMap) -> Result<(), FileError> {
    match value(headers, "tus-resumable") {
        Ok(Some(TUS_RESUMABLE)) => Ok(()),
        _ => Err(FileError::UnknownTusVersion),
    }
}

/// A number that has to be there. One that is too large for any file is still a number.
pub(crate) fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, FileError> {
    let text = value(headers, name)?.unwrap_or_default();
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FileError::BadTusHeader(name));
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// What is said of an upload that begins.
pub(crate) fn beginning(headers: &HeaderMap, now: Timestamp) -> Result<Beginning, FileError> {
    let size_bytes = number(headers, "upload-length")?;
    let metadata = value(headers, "upload-metadata")?.unwrap_or_default();
    let pairs = pairs(metadata)?;
    let find = |names: &[&str]| {
        let found = pairs.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value.as_str())
    };
    let media_type = find(&["filetype", "type"]).filter(|text| !text.is_empty());
    let expires_at = find(&["expiresAt"]);
    Ok(Beginning {
        name: FileName::parse(find(&["filename", "name"]).unwrap_or_default())?,
        media_type: media_type.map(MediaType::parse).transpose()?.unwrap_or_default(),
        metadata: metadata.to_owned(),
        size_bytes,
        file_expires_at: expires_at.map(|text| parse_expiry(text, now)).transpose()?,
    })
}

/// Names with values in base64, or without; each name once.
fn pairs(metadata: &str) -> Result<Vec<(String, String)>, FileError> {
    let bad = || FileError::BadTusHeader("upload-metadata");
    if metadata.len() > MAX_METADATA_BYTES {
        return Err(bad());
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in metadata.split(',').filter(|_| !metadata.is_empty()) {
        let (name, encoded) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
        let value = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let value = value.ok_or_else(bad)?;
        if name.is_empty() || pairs.iter().any(|(own, _)| own == name) {
            return Err(bad());
        }
        pairs.push((name.to_owned(), value));
    }
    Ok(pairs)
}

/// `Upload-Checksum: sha256 <base64>`.
pub(crate) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, FileError> {
    const NAME: &str = "upload-checksum";
    let Some(text) = value(headers, NAME)? else { return Ok(None) };
    let (algorithm, encoded) = text.split_once(' ').ok_or(FileError::BadTusHeader(NAME))?;
    let (algorithm, length) = match algorithm {
        "sha256" => (Algorithm::Sha256, 32),
        "sha1" => (Algorithm::Sha1, 20),
        _ => return Err(FileError::BadTusHeader(NAME)),
    };
    let digest = STANDARD.decode(encoded).ok().filter(|digest| digest.len() == length);
    let digest = digest.ok_or(FileError::BadTusHeader(NAME))?;
    Ok(Some(Checksum { algorithm, digest }))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).ok()?;
            Some((HeaderName::from_static(name), value))
        };
        let mut headers = HeaderMap::new();
        pairs.iter().filter_map(pair).for_each(|(name, value)| headers.append(name, value));
        headers
    }

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        let number = |text| number(&headers(&[("upload-offset", text)]), "upload-offset");
        assert_eq!((number("0"), number("17")), (Ok(0), Ok(17)));
        assert_eq!(number("99999999999999999999999"), Ok(u64::MAX));
        for text in ["", "-1", "+1", "1.0", "0x1", "1,1", &"1".repeat(65)] {
            assert!(number(text).is_err(), "{text:?}");
        }
        let twice = headers(&[("upload-offset", "1"), ("upload-offset", "1")]);
        assert!(super::number(&twice, "upload-offset").is_err());
    }

    #[test]
    fn metadata_name_and_type_the_file() -> Result<(), FileError> {
        let read = |metadata| {
            let headers = headers(&[("upload-length", "5"), ("upload-metadata", metadata)]);
            beginning(&headers, Timestamp::UNIX_EPOCH)
        };
        let found = read("filename N+yblC50eHQ=, filetype dGV4dC9wbGFpbg==,is_confidential")?;
        assert_eq!((found.name.as_str(), found.media_type.as_str()), ("7월.txt", "text/plain"));
        assert_eq!(read("name YQ==")?.media_type, MediaType::default());
        let long = format!("filename YQ==,x {}", "A".repeat(4096));
        for bad in ["", "filename", "filename %%%", "filename /w==", "filename Li4=", &long] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        for bad in ["filename YQ==,filename Yg==", ",filename YQ==", "filename YQ==,"] {
            assert_eq!(read(bad), Err(FileError::BadTusHeader("")), "{bad:?}");
        }
        Ok(())
    }

    #[test]
    fn a_checksum_names_its_algorithm_and_has_its_length() {
        let read = |text| checksum(&headers(&[("upload-checksum", text)]));
        let sha1 = read("sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=").ok().flatten();
        assert!(sha1.is_some_and(|sha1| sha1.algorithm == Algorithm::Sha1));
        assert_eq!(checksum(&headers(&[])), Ok(None));
        for bad in
            ["", "sha1", "sha1 ", "md5 AAAA", "sha256 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha1 #"]
        {
            assert_eq!(read(bad), Err(FileError::BadTusHeader("")), "{bad:?}");
        }
    }
}
