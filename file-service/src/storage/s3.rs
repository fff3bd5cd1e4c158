//! A bucket of an S3 store. A large object goes there in parts, which the store puts together at the end; a small one in
//! one piece.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as Location;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig,
};
use url::Url;

use super::settings::StorageSettings;
use super::{StorageError, within};

/// The smallest part that an S3 store takes, but for the last.
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
/// The most parts that it takes.
const MAX_PARTS: u64 = 10_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may say nothing: to a part that is sent, and between two pieces of what is read.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// After this time nothing is tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one call may take, with all that is tried again.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    store: Arc<AmazonS3>,
    part_bytes: usize,
}

impl Bucket {
    pub(super) fn open(name: &str, settings: &StorageSettings) -> Result<Self, StorageError> {
        let s3 = &settings.s3;
        let missing = |what: &str| StorageError::Address(format!("an S3 store needs {what}"));
        let access_key = s3.access_key.as_ref().ok_or_else(|| missing("s3_access_key"))?;
        let secret_key = s3.secret_key.as_ref().ok_or_else(|| missing("s3_secret_key"))?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region(&s3.region)
            .with_access_key_id(access_key)
            .with_secret_access_key(secret_key.expose())
            .with_virtual_hosted_style_request(!s3.path_style)
            .with_retry(retries())
            .with_client_options(trusting(limits(s3.endpoint.as_ref()), s3.ca_file.as_deref())?);
        if let Some(endpoint) = &s3.endpoint {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        let store = builder.build().map_err(|error| StorageError::Address(error.to_string()))?;
        Ok(Self { store: Arc::new(store), part_bytes: part_bytes(settings.max_object_bytes) })
    }

    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::<AmazonS3>::clone(&self.store)
    }

    pub(super) fn create(&self, location: Location) -> S3Upload {
        let bucket = self.clone();
        S3Upload { bucket, location, part: Vec::new(), multipart: None }
    }

    /// Throws away the parts of an object that was not finished.
    pub(super) async fn abort(&self, location: &Location, id: &str) -> Result<(), StorageError> {
        match self.store.abort_multipart(location, &id.to_owned()).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            aborted => Ok(aborted?),
        }
    }

    pub(super) async fn download_url(
        &self,
        location: &Location,
        headers: [(&'static str, String); 2],
        lifetime: Duration,
    ) -> Result<Url, StorageError> {
        let bound = SignedUrlOptions::new().with_query(headers);
        let get = http::Method::GET;
        Ok(self.store.signed_url_opts(get, location, lifetime, &bound).await?)
    }
}

/// Larger where 10,000 of the smallest would not do.
fn part_bytes(max_object_bytes: u64) -> usize {
    let part_bytes = max_object_bytes.div_ceil(MAX_PARTS).max(MIN_PART_BYTES);
    usize::try_from(part_bytes).unwrap_or(usize::MAX)
}

fn retries() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: 3, retry_timeout: RETRY_TIMEOUT }
}

/// Without encryption only where that was declared. A limit for a whole download would cut those who read slowly.
fn limits(endpoint: Option<&Url>) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.scheme() == "http"))
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout_disabled()
        .with_read_timeout(SILENCE_TIMEOUT)
}

/// Read once: the library has no way to take over new ones.
fn trusting(options: ClientOptions, file: Option<&Path>) -> Result<ClientOptions, StorageError> {
    let Some(path) = file else { return Ok(options) };
    let wrong = |cause: String| StorageError::Address(format!("{}: {cause}", path.display()));
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
    Ok(roots.into_iter().fold(options, ClientOptions::with_root_certificate))
}

/// An object that is being written.
#[derive(Debug)]
pub(super) struct S3Upload {
    bucket: Bucket,
    location: Location,
    part: Vec<u8>,
    multipart: Option<Multipart>,
}

#[derive(Debug)]
struct Multipart {
    id: String,
    parts: Vec<PartId>,
}

impl S3Upload {
    /// By what name the store keeps the parts, if there are some or will be.
    pub(super) fn multipart_id(&self) -> Option<&str> {
        self.multipart.as_ref().map(|multipart| multipart.id.as_str())
    }

    /// The first full part waits for the next piece: until then its name can be noted.
    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), StorageError> {
        let full = self.part.len() >= self.bucket.part_bytes;
        if full && self.multipart.is_some() {
            self.send_part().await?;
        }
        self.part.extend_from_slice(piece);
        if self.part.len() >= self.bucket.part_bytes && self.multipart.is_none() {
            let store = &self.bucket.store;
            let beginning = async { Ok(store.create_multipart(&self.location).await?) };
            let id = within(CALL_TIMEOUT, beginning).await?;
            self.multipart = Some(Multipart { id, parts: Vec::new() });
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), StorageError> {
        let Some(multipart) = &mut self.multipart else { return Ok(()) };
        let (place, part) = (multipart.parts.len(), std::mem::take(&mut self.part));
        let store = &self.bucket.store;
        let sending =
            async { Ok(store.put_part(&self.location, &multipart.id, place, part.into()).await?) };
        multipart.parts.push(within(CALL_TIMEOUT, sending).await?);
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(), StorageError> {
        if self.multipart.is_some() && !self.part.is_empty() {
            self.send_part().await?;
        }
        let (store, location) = (&self.bucket.store, &self.location);
        let finishing = async {
            match self.multipart {
                None => store.put(location, self.part.into()).await?,
                Some(Multipart { id, parts }) => {
                    store.complete_multipart(location, &id, parts).await?
                }
            };
            Ok(())
        };
        within(CALL_TIMEOUT, finishing).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_object_needs_more_parts_than_a_store_takes() {
        assert_eq!(part_bytes(100 << 20), 5 << 20);
        for size in [1_u64 << 30, 1 << 40, 5 << 40] {
            assert!(size.div_ceil(part_bytes(size) as u64) <= MAX_PARTS, "{size}");
        }
    }
}
