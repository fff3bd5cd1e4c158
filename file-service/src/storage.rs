//! Bytes in and out of an object store, streamed: no file is ever whole in memory.

mod buffer;
mod error;
mod local;
mod local_file;
pub(crate) mod object;
mod s3;
pub(crate) mod settings;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt};
use shared::{CompanyId, Timestamp};
use tokio::time::timeout;
use url::Url;

use crate::domain::file::{FileId, ObjectKey};
pub(crate) use error::StorageError;
use local::LocalFolder;
use object::StoredObject;
use s3::Bucket;
use settings::{Place, StorageSettings};
pub(crate) use writing::{Algorithm, ObjectUpload};

/// Written and removed to see whether the storage can be written.
const PROBE: &str = "probe";
/// How long the storage may take to say whether it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to remove an object.
const DELETE_TIMEOUT: Duration = Duration::from_secs(30);

/// Where objects are: a folder, or a bucket of an S3 store.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    store: Arc<dyn ObjectStore>,
    /// What comes before the company in the name of each object.
    prefix: Location,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Local(LocalFolder),
    S3(Bucket),
}

impl Storage {
    pub(crate) fn open(settings: &StorageSettings) -> Result<Self, StorageError> {
        match Place::parse(&settings.url)? {
            Place::Folder(folder) => {
                let (store, folder) = LocalFolder::open(folder)?;
                Ok(Self {
                    store: Arc::new(store),
                    prefix: Location::default(),
                    kind: Kind::Local(folder),
                })
            }
            Place::Bucket { name, prefix } => {
                let bucket = Bucket::open(&name, settings)?;
                Ok(Self { store: bucket.store(), prefix, kind: Kind::S3(bucket) })
            }
        }
    }

    /// Whether objects can be written. Of a bucket only whether it answers us: it is asked every few seconds.
    pub(crate) async fn probe(&self) -> Result<(), StorageError> {
        let probing = async {
            match &self.kind {
                Kind::Local(_) => self.write_probe().await,
                Kind::S3(_) => self.look_for_probe().await,
            }
        };
        within(PROBE_TIMEOUT, probing).await
    }

    async fn write_probe(&self) -> Result<(), StorageError> {
        // Without content: a full disk must not take the downloads away as well.
        let probe = Location::from(PROBE);
        self.store.put(&probe, object_store::PutPayload::default()).await?;
        match self.store.delete(&probe).await {
            // Another replica probes, too.
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    async fn look_for_probe(&self) -> Result<(), StorageError> {
        match self.store.head(&self.prefix.clone().join(PROBE)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            found => Ok(found.map(|_| ())?),
        }
    }

    /// Begins an object. It is seen when it is [finished](ObjectUpload::finish), not before.
    pub(crate) async fn create(
        &self,
        key: &ObjectKey,
        algorithm: Algorithm,
    ) -> Result<ObjectUpload, StorageError> {
        Ok(match &self.kind {
            Kind::Local(folder) => ObjectUpload::local(folder.create(key).await?, algorithm),
            Kind::S3(bucket) => ObjectUpload::s3(bucket.create(self.location(key)), algorithm),
        })
    }

    /// An object that is so long.
    pub(crate) async fn open_object(
        &self,
        key: &ObjectKey,
        size_bytes: u64,
    ) -> Result<StoredObject, StorageError> {
        match &self.kind {
            Kind::Local(folder) => StoredObject::in_file(*key, folder.path(key), size_bytes).await,
            Kind::S3(_) => {
                let place = (Arc::clone(&self.store), self.location(key));
                StoredObject::in_store(*key, place, size_bytes).await
            }
        }
    }

    /// Removes an object, or what is there of one; that there is none is no failure.
    pub(crate) async fn delete(
        &self,
        key: &ObjectKey,
        multipart_id: Option<&str>,
    ) -> Result<(), StorageError> {
        within(DELETE_TIMEOUT, self.delete_all_of(key, multipart_id)).await
    }

    async fn delete_all_of(
        &self,
        key: &ObjectKey,
        multipart_id: Option<&str>,
    ) -> Result<(), StorageError> {
        let location = self.location(key);
        if let (Kind::S3(bucket), Some(id)) = (&self.kind, multipart_id) {
            bucket.abort(&location, id).await?;
        }
        match self.store.delete(&location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        match &self.kind {
            Kind::Local(folder) => folder.delete_staged(key).await,
            Kind::S3(_) => Ok(()),
        }
    }

    /// The objects that are as old as that, or older. What is no object of ours, or is being written, is left out.
    pub(crate) fn list_before(
        &self,
        limit: Timestamp,
    ) -> BoxStream<'static, Result<ObjectKey, StorageError>> {
        let prefix = self.prefix.clone();
        self.store
            .list(Some(&self.prefix))
            .map_err(StorageError::from)
            .try_filter_map(move |object| {
                let old = object.last_modified <= limit;
                let key = key_of(&prefix, &object.location).filter(|_| old);
                async move { Ok(key) }
            })
            .boxed()
    }

    /// An address by which anybody may download the object, answered with these headers, for so long. None: a folder
    /// has no addresses.
    pub(crate) async fn download_url(
        &self,
        key: &ObjectKey,
        headers: [(&'static str, String); 2],
        lifetime: Duration,
    ) -> Result<Option<Url>, StorageError> {
        match &self.kind {
            Kind::Local(_) => Ok(None),
            Kind::S3(bucket) => {
                bucket.download_url(&self.location(key), headers, lifetime).await.map(Some)
            }
        }
    }

    fn location(&self, key: &ObjectKey) -> Location {
        self.prefix.clone().join(key.company_id.to_string()).join(key.id.to_string())
    }
}

/// The other way round.
fn key_of(prefix: &Location, location: &Location) -> Option<ObjectKey> {
    let mut rest = location.prefix_match(prefix)?;
    let (company, id) = (rest.next()?, rest.next()?);
    let company: i64 = company.as_ref().parse().ok()?;
    let key = ObjectKey {
        company_id: CompanyId::try_from(company).ok()?,
        id: FileId::parse(id.as_ref()).ok()?,
    };
    rest.next().is_none().then_some(key)
}

/// The work, if it is done within this time.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    let late = |_| StorageError::Unavailable("no answer in time".to_owned());
    timeout(limit, work).await.map_err(late)?
}

#[cfg(test)]
mod tests;
