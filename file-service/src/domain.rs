//! What can be done with files. An object is noted as loose from before its first byte until its file is recorded,
//! and from before its file is deleted until it is gone: whenever a process dies, the sweep finds what it left.

pub(crate) mod file;
pub(crate) mod media_type;
pub(crate) mod range;
pub(crate) mod recent;
pub(crate) mod upload;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::Stream;
use shared::{Session, Tenant, Timestamp};
use tracing::{info, warn};

use crate::error::FileError;
use crate::repository::InsertOutcome;
use crate::state::AppState;
use crate::storage::StorageError;
use crate::storage::object::StoredObject;
use file::{FileId, ObjectKey, StoredFile};
use upload::{Announcement, Upload};

/// How many loose objects one sweep takes on.
const SWEEP_COUNT: i64 = 1000;
/// What an upload needs beyond its time limit, to be recorded.
const RECORDING_TIME: Duration = Duration::from_secs(60);

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uploaded {
    Created(StoredFile),
    /// It was sent before, and this is what came of it then.
    Known(StoredFile),
}

pub(crate) async fn upload_file<B>(
    state: &AppState,
    session: &Session,
    announced: &Announcement,
    body: B,
) -> Result<Uploaded, FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    state.limits.check_size(announced.size_bytes.unwrap_or_default())?;
    let now = state.clock.now();
    let key = ObjectKey { company_id: session.company_id(), id: FileId::new_at(now) };
    let upload = Upload { key, user_id: session.user_id(), announced };
    state.loose_objects.insert(&key, now).await?;
    let uploaded = store_and_record(state, session.tenant(), &upload, body).await;
    match &uploaded {
        Ok(Uploaded::Created(_)) => forget(state, &key).await,
        // The file may be recorded although the answer of the database was lost: the sweep will see.
        Err(FileError::Db(_)) => {}
        _ => discard(state, &key).await,
    }
    uploaded
}

async fn store_and_record<B>(
    state: &AppState,
    tenant: Tenant,
    upload: &Upload<'_>,
    body: B,
) -> Result<Uploaded, FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    let mut object = state.storage.create(&upload.key).await?;
    let received = upload::receive(body, &mut object, &state.limits).await?;
    let file = upload.fulfil(received, state.clock.now())?;
    object.finish().await?;
    let key = upload.announced.idempotency_key.as_ref();
    match state.files.insert(tenant, &file, key).await? {
        InsertOutcome::Created => Ok(Uploaded::Created(file)),
        InsertOutcome::KeyTaken(known) if known.repeats(&file) => Ok(Uploaded::Known(known)),
        InsertOutcome::KeyTaken(_) => Err(FileError::IdempotencyKeyReused),
    }
}

/// A file and its bytes.
pub(crate) async fn open_file(
    state: &AppState,
    tenant: Tenant,
    id: FileId,
) -> Result<(Arc<StoredFile>, StoredObject), FileError> {
    if let Some(file) = state.recent_files.find(tenant, id)
        && let Ok(object) = open_object(state, &file).await
    {
        return Ok((file, object));
    }
    let file = state.recent_files.keep(tenant, find_file(state, tenant, id)).await?;
    match open_object(state, &file).await {
        Ok(object) => Ok((file, object)),
        // It may have been deleted since it was found.
        Err(StorageError::Missing) => {
            state.recent_files.forget(tenant, id);
            find_file(state, tenant, id).await?;
            Err(StorageError::Missing.into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn find_file(state: &AppState, tenant: Tenant, id: FileId) -> Result<StoredFile, FileError> {
    state.files.find(tenant, id).await?.ok_or(FileError::NoSuchFile)
}

async fn open_object(state: &AppState, file: &StoredFile) -> Result<StoredObject, StorageError> {
    state.storage.open_object(&file.object_key(), file.size_bytes).await
}

pub(crate) async fn delete_file(
    state: &AppState,
    tenant: Tenant,
    id: FileId,
) -> Result<(), FileError> {
    let key = find_file(state, tenant, id).await?.object_key();
    state.loose_objects.insert(&key, state.clock.now()).await?;
    let deleted = state.files.delete(tenant, id).await?;
    state.recent_files.forget(tenant, id);
    discard(state, &key).await;
    // Of two who delete it at once one is told that it is gone; both see to it that nothing is left.
    if deleted { Ok(()) } else { Err(FileError::NoSuchFile) }
}

/// Removes the objects that have been loose for so long that nobody is at work on them any more.
pub(crate) async fn sweep(state: &AppState) -> Result<(), FileError> {
    let limit = abandoned_before(state.clock.now(), state.limits.whole);
    state.loose_objects.delete_settled_before(limit).await?;
    let keys = state.loose_objects.list_before(limit, SWEEP_COUNT).await?;
    for key in &keys {
        discard(state, key).await;
    }
    if !keys.is_empty() {
        info!(count = keys.len(), "swept up {} loose objects", keys.len());
    }
    Ok(())
}

/// Twice the time that anybody may be at work on an object, since the clocks of replicas differ.
fn abandoned_before(now: Timestamp, upload_timeout: Duration) -> Timestamp {
    let age = upload_timeout.saturating_add(RECORDING_TIME).saturating_mul(2);
    TimeDelta::from_std(age)
        .ok()
        .and_then(|age| now.checked_sub_signed(age))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What fails here is done again by the sweep.
async fn discard(state: &AppState, key: &ObjectKey) {
    match state.storage.delete(key).await {
        Ok(()) => forget(state, key).await,
        Err(error) => {
            warn!(object = %key, cause = %error, "cannot remove object {key} yet");
        }
    }
}

async fn forget(state: &AppState, key: &ObjectKey) {
    if let Err(error) = state.loose_objects.delete(key).await {
        warn!(object = %key, cause = %error, "cannot take away the note about object {key} yet");
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::path::Path;

    use futures_util::stream;
    use serde_json::json;
    use shared::Clock;
    use shared::db::Db;
    use shared::testing::StoppedClock;

    use super::*;
    use crate::config::Config;
    use crate::repository::FileRepository;
    use crate::repository::loose_objects::LooseObjectRepository;
    use crate::startup;
    use crate::storage::Storage;
    use file::{FileName, IdempotencyKey, MediaType};
    use recent::RecentFiles;

    async fn state_in(folder: &Path) -> Result<(AppState, StoppedClock), Box<dyn Error>> {
        let config: Config = serde_json::from_value(json!({
            "database_url": format!("sqlite://{}/file.db", folder.display()),
            "storage_url": format!("file://{}/objects", folder.display()),
            "issuer": "https://issuer.test",
            "jwks_url": "https://issuer.test/jwks.json",
        }))?;
        startup::migrate(&config).await?;
        let db = Db::open(&config.database_url, 1)?;
        let clock = StoppedClock::at(1_782_000_000);
        let state = AppState {
            files: FileRepository::new(db.clone()),
            loose_objects: LooseObjectRepository::new(db),
            storage: Storage::open(&config.storage_url)?,
            recent_files: RecentFiles::new(Arc::new(clock.clone())),
            limits: config.limits(),
            clock: Arc::new(clock.clone()),
        };
        Ok((state, clock))
    }

    fn session() -> Result<Session, FileError> {
        let session = Session::parse(r#"{"companyId":100,"userId":200}"#);
        session.map_err(|_| FileError::NoSuchFile)
    }

    async fn upload(state: &AppState, content: &'static str) -> Result<Uploaded, FileError> {
        let announced = Announcement {
            name: FileName::parse("statement.csv")?,
            media_type: MediaType::default(),
            size_bytes: None,
            sha256: None,
            idempotency_key: Some(IdempotencyKey::parse("once")?),
        };
        let body = stream::iter([Ok(Bytes::from_static(content.as_bytes()))]);
        upload_file(state, &session()?, &announced, body).await
    }

    #[tokio::test]
    async fn one_idempotency_key_makes_one_file() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let (state, _) = state_in(folder.path()).await?;
        let Uploaded::Created(file) = upload(&state, "a").await? else {
            return Err("known".into());
        };
        assert_eq!(upload(&state, "a").await?, Uploaded::Known(file.clone()));
        assert_eq!(upload(&state, "b").await, Err(FileError::IdempotencyKeyReused));
        assert_eq!(std::fs::read_dir(folder.path().join("objects/100"))?.count(), 1);
        delete_file(&state, session()?.tenant(), file.id).await?;
        assert!(matches!(upload(&state, "b").await?, Uploaded::Created(_)));
        Ok(())
    }

    #[tokio::test]
    async fn the_sweep_takes_what_no_file_stands_for_and_nothing_else() -> Result<(), Box<dyn Error>>
    {
        let folder = tempfile::tempdir()?;
        let (state, clock) = state_in(folder.path()).await?;
        let Uploaded::Created(file) = upload(&state, "a").await? else {
            return Err("known".into());
        };
        let left = ObjectKey { id: FileId::new_at(clock.now()), ..file.object_key() };
        // As if the process had been killed: before the one was recorded, before the note on the other was gone.
        state.storage.create(&left).await?.finish().await?;
        for key in [&left, &file.object_key()] {
            state.loose_objects.insert(key, clock.now()).await?;
        }
        sweep(&state).await?;
        assert!(state.storage.open_object(&left, 0).await.is_ok(), "it may still be at work");
        clock.advance(Duration::from_secs(3 * 3600));
        sweep(&state).await?;
        assert!(matches!(state.storage.open_object(&left, 0).await, Err(StorageError::Missing)));
        assert!(open_file(&state, session()?.tenant(), file.id).await.is_ok());
        Ok(())
    }

    #[test]
    fn an_object_is_not_abandoned_while_its_upload_may_last() {
        let now = Timestamp::from_timestamp(1_782_000_000, 0).unwrap_or_default();
        let limit = abandoned_before(now, Duration::from_secs(3600));
        assert_eq!((now - limit).num_seconds(), 7320);
        assert_eq!(abandoned_before(now, Duration::MAX), Timestamp::UNIX_EPOCH);
    }

    #[tokio::test]
    async fn what_was_looked_up_a_moment_ago_is_gone_when_it_is_deleted_elsewhere()
    -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let (state, _) = state_in(folder.path()).await?;
        let (replica, clock) = state_in(folder.path()).await?;
        let tenant = session()?.tenant();
        let Uploaded::Created(file) = upload(&state, "a").await? else {
            return Err("known".into());
        };
        assert!(open_file(&replica, tenant, file.id).await.is_ok());
        // The row goes first; the object is left, as by a kill.
        state.files.delete(tenant, file.id).await?;
        assert!(open_file(&replica, tenant, file.id).await.is_ok(), "it is remembered");
        clock.advance(Duration::from_secs(1));
        let gone = open_file(&replica, tenant, file.id).await.err();
        assert_eq!(gone, Some(FileError::NoSuchFile));
        Ok(())
    }

    #[tokio::test]
    async fn an_object_that_is_gone_is_never_answered_from_memory() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let (state, _) = state_in(folder.path()).await?;
        let (replica, _) = state_in(folder.path()).await?;
        let tenant = session()?.tenant();
        let Uploaded::Created(file) = upload(&state, "a").await? else {
            return Err("known".into());
        };
        assert!(open_file(&replica, tenant, file.id).await.is_ok());
        delete_file(&state, tenant, file.id).await?;
        let gone = open_file(&replica, tenant, file.id).await.err();
        assert_eq!(gone, Some(FileError::NoSuchFile));
        Ok(())
    }
}
