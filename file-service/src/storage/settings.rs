//! Where the objects are, as it is written in the settings.

use std::path::{Path, PathBuf};

use object_store::path::Path as Location;
use shared::Secret;
use url::Url;

use super::StorageError;

/// What is said of the storage.
#[derive(Clone, Debug)]
pub(crate) struct StorageSettings {
    pub(crate) url: String,
    pub(crate) s3: S3Settings,
    /// The largest object that there will be: an S3 store takes no more than 10,000 parts.
    pub(crate) max_object_bytes: u64,
}

/// What is needed besides to speak to an S3 store.
#[derive(Clone, Debug, Default)]
pub(crate) struct S3Settings {
    /// None: that of AWS for the region.
    pub(crate) endpoint: Option<Url>,
    pub(crate) region: String,
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<Secret>,
    /// Whether the bucket stands in the path, or before the host.
    pub(crate) path_style: bool,
    /// Roots by which the store is known beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Folder(PathBuf),
    Bucket { name: String, prefix: Location },
}

impl Place {
    /// `file:///path/to/folder` or `s3://bucket/prefix`.
    pub(super) fn parse(url: &str) -> Result<Self, StorageError> {
        let parsed = Url::parse(url).ok();
        let place = parsed.and_then(|parsed| match parsed.scheme() {
            "s3" => bucket_of(&parsed),
            "file" if url.starts_with("file:///") => folder_of(&parsed),
            _ => None,
        });
        place.ok_or_else(|| {
            let known =
                "it is file:///path/to/folder or s3://bucket/prefix; no other kind is known";
            StorageError::Address(known.to_owned())
        })
    }
}

fn folder_of(url: &Url) -> Option<Place> {
    let folder = url.to_file_path().ok()?;
    (folder != Path::new("/")).then_some(Place::Folder(folder))
}

/// Nothing but a bucket and a prefix: a key or a password in the address would be logged with it.
fn bucket_of(url: &Url) -> Option<Place> {
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.port().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let name = url.host_str().filter(|_| plain)?.to_owned();
    let prefix = Location::from_url_path(url.path()).ok()?;
    Some(Place::Bucket { name, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_a_folder_or_a_bucket_is_taken() -> Result<(), StorageError> {
        let bad = [
            "",
            "/tmp/x",
            "file://relative",
            "file:///",
            "https://x/y",
            "file:x",
            "s3://",
            "s3:///x",
            "s3://key:secret@bucket/x",
            "s3://bucket:9000/x",
            "s3://bucket/x?y=z",
            "s3://bucket/a//b",
        ];
        for url in bad {
            assert!(matches!(Place::parse(url), Err(StorageError::Address(_))), "{url}");
        }
        let folder = Place::Folder(PathBuf::from("/var/lib/our files"));
        assert_eq!(Place::parse("file:///var/lib/our%20files")?, folder);
        for (url, prefix) in [("s3://b", ""), ("s3://b/", ""), ("s3://b/x/y", "x/y")] {
            let bucket = Place::Bucket { name: "b".to_owned(), prefix: Location::from(prefix) };
            assert_eq!(Place::parse(url)?, bucket, "{url}");
        }
        Ok(())
    }
}
