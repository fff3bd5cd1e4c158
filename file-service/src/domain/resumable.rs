//! Uploads that may come in many requests, by the tus protocol. What comes is kept in parts that never change; the
//! offset moves on when a part is on the storage, in the statement that makes it a part. So the bytes before the
//! offset are always there, whoever was killed in between.

mod finishing;
mod lease;
pub(crate) mod upload;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::Stream;
use shared::{Tenant, Timestamp};
use tokio::time::timeout;

use crate::domain::author::Author;
use crate::domain::file::FileId;
use crate::domain::intake::{End, Source};
use crate::domain::note::{self, Note, while_noted};
use crate::error::FileError;
use crate::state::AppState;
use crate::storage::{Algorithm, ObjectUpload};
pub(crate) use finishing::finish_upload;
use upload::{Beginning, Chunk, Lease, Part, ResumableUpload};

/// After so many bytes what has come is made durable: a kill costs no more.
const PART_BYTES: u64 = 16 * 1024 * 1024;

/// Begins an upload, and takes room for the whole of it.
pub(crate) async fn begin_upload(
    state: &AppState,
    author: &Author,
    beginning: Beginning,
) -> Result<ResumableUpload, FileError> {
    state.limits.check_size(beginning.size_bytes)?;
    let now = state.clock.now();
    let upload = ResumableUpload {
        id: FileId::new_at(now),
        company_id: author.session.company_id(),
        name: beginning.name,
        media_type: beginning.media_type,
        metadata: beginning.metadata,
        size_bytes: beginning.size_bytes,
        offset_bytes: 0,
        part_count: 0,
        file_id: None,
        created_at: now,
        created_by: author.user_id(),
        created_through: author.through.clone(),
        expires_at: expiry(state, now),
        file_expires_at: beginning.file_expires_at,
    };
    state.uploads.insert(author.tenant(), &upload, state.limits.quota).await?;
    if upload.is_complete() { look_after(state, author.tenant(), upload).await } else { Ok(upload) }
}

/// How far an upload is. One whose last byte has come is made a file if it is none yet.
pub(crate) async fn find_upload(
    state: &AppState,
    tenant: Tenant,
    id: FileId,
) -> Result<ResumableUpload, FileError> {
    let upload = find_living(state, tenant, id).await?;
    look_after(state, tenant, upload).await
}

/// Adds bytes to an upload. Of a body that breaks off, what has come is kept, unless it has a checksum.
pub(crate) async fn append<B>(
    state: &AppState,
    (tenant, id): (Tenant, FileId),
    chunk: &Chunk,
    body: B,
) -> Result<ResumableUpload, FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    let mut upload = find_living(state, tenant, id).await?;
    upload.check(chunk)?;
    if upload.is_complete() {
        return look_after(state, tenant, upload).await;
    }
    let lease = lease::take(state, tenant, &upload).await?;
    let mut source = Source::new(body, state);
    let adding = add_parts(state, (tenant, &lease), (&mut upload, chunk), &mut source);
    let adding = timeout(state.limits.whole, adding);
    let adding = Box::pin(async { adding.await.unwrap_or(Err(FileError::TooSlow)) });
    let added = lease::while_held(state, (tenant, &lease), adding).await;
    lease::give_back(state, tenant, &lease).await;
    match added {
        Ok(()) => look_after(state, tenant, upload).await,
        Err(error) => Err(unless_gone(state, (tenant, id), error).await),
    }
}

/// Deletes an upload and what has come of it. A file that it has become stays.
pub(crate) async fn terminate(
    state: &AppState,
    tenant: Tenant,
    id: FileId,
) -> Result<(), FileError> {
    let parts = state.uploads.list_parts(tenant, id).await?;
    if !state.uploads.delete(tenant, id, state.clock.now()).await? {
        return Err(FileError::NoSuchFile);
    }
    for part in parts {
        note::discard(state, &part.as_loose(tenant.company_id())).await;
    }
    Ok(())
}

async fn find_living(
    state: &AppState,
    tenant: Tenant,
    id: FileId,
) -> Result<ResumableUpload, FileError> {
    let upload = state.uploads.find(tenant, id).await?;
    let now = state.clock.now();
    upload.filter(|upload| upload.expires_at > now).ok_or(FileError::NoSuchFile)
}

/// Makes it a file when its last byte has come, unless somebody else does just that.
async fn look_after(
    state: &AppState,
    tenant: Tenant,
    upload: ResumableUpload,
) -> Result<ResumableUpload, FileError> {
    if !upload.is_complete() || upload.file_id.is_some() {
        return Ok(upload);
    }
    match Box::pin(finish_upload(state, tenant, &upload)).await {
        Ok(file_id) => Ok(ResumableUpload { file_id: Some(file_id), ..upload }),
        Err(FileError::UploadBusy | FileError::LostLease) => {
            state.uploads.find(tenant, upload.id).await?.ok_or(FileError::NoSuchFile)
        }
        Err(error) => Err(unless_gone(state, (tenant, upload.id), error).await),
    }
}

/// Why it went wrong: that somebody has deleted the upload meanwhile explains everything else.
async fn unless_gone(
    state: &AppState,
    (tenant, id): (Tenant, FileId),
    error: FileError,
) -> FileError {
    match state.uploads.find(tenant, id).await {
        Ok(None) => FileError::NoSuchFile,
        _ => error,
    }
}

fn expiry(state: &AppState, now: Timestamp) -> Timestamp {
    let life = TimeDelta::from_std(state.limits.resumable).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(life).unwrap_or(Timestamp::MAX_UTC)
}

async fn add_parts<B>(
    state: &AppState,
    held: (Tenant, &Lease),
    (upload, chunk): (&mut ResumableUpload, &Chunk),
    source: &mut Source<B>,
) -> Result<(), FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    loop {
        match add_part(state, held, (upload, chunk), source).await? {
            End::Full if !upload.is_complete() => {}
            End::Over | End::Full => return Ok(()),
            End::Broken(error) => return Err(error),
        }
    }
}

async fn add_part<B>(
    state: &AppState,
    (tenant, lease): (Tenant, &Lease),
    (upload, chunk): (&mut ResumableUpload, &Chunk),
    source: &mut Source<B>,
) -> Result<End, FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    let mut note = Note::begin_prepaid(state, tenant).await?;
    let id = note.key().id;
    let storing = Box::pin(store_part(state, (upload, chunk), &mut note, source));
    let stored = while_noted((state, tenant, id), storing).await;
    let Ok((end, size_bytes @ 1..)) = stored else {
        note.discard().await;
        return stored.map(|(end, _)| end);
    };
    let part = Part { id, first_byte: upload.offset_bytes, size_bytes };
    let moved = state.uploads.advance(tenant, (lease, &part), expiry(state, note.now())).await;
    match moved {
        Ok(()) => upload.offset_bytes += size_bytes,
        // It may be a part although the answer of the database was lost: the sweep will see.
        Err(FileError::Db(_)) => {}
        Err(_) => note.discard().await,
    }
    moved.map(|()| end)
}

/// Writes an object of what comes next; gives its size.
async fn store_part<B>(
    state: &AppState,
    (upload, chunk): (&ResumableUpload, &Chunk),
    note: &mut Note<'_>,
    source: &mut Source<B>,
) -> Result<(End, u64), FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    let left = upload.left_bytes();
    // What has a checksum is taken as a whole or not at all.
    let most = if chunk.checksum.is_some() { left } else { left.min(PART_BYTES) };
    let algorithm = chunk.checksum.as_ref().map_or(Algorithm::Sha256, |own| own.algorithm);
    let mut object = state.storage.create(&note.key(), algorithm).await?;
    let end = source.receive(&mut object, note, most).await?;
    let size_bytes = object.size_bytes();
    if size_bytes == left && source.look_ahead().await? {
        return Err(FileError::BeyondLength);
    }
    let end = check(chunk, &object, end)?;
    object.finish().await?;
    Ok((end, size_bytes))
}

fn check(chunk: &Chunk, object: &ObjectUpload, end: End) -> Result<End, FileError> {
    match (&chunk.checksum, end) {
        (None, end) => Ok(end),
        (Some(_), End::Broken(error)) => Err(error),
        (Some(checksum), _) if checksum.digest != object.digest() => Err(FileError::WrongChecksum),
        (Some(_), end) => Ok(end),
    }
}
