//! The last byte of an upload has come: its parts are put together to one object, which is digested on the way, and the
//! upload becomes a file. All of it may be done again from the start.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use shared::Tenant;

use super::lease;
use super::upload::{Lease, Part, ResumableUpload};
use crate::domain::file::{FileId, Sha256, StoredFile};
use crate::domain::intake::{End, Source};
use crate::domain::media_type::sniffed;
use crate::domain::note::{self, Note, while_noted};
use crate::error::FileError;
use crate::state::AppState;
use crate::storage::{Algorithm, StorageError};

/// Makes a file of an upload whose bytes are all there.
pub(crate) async fn finish_upload(
    state: &AppState,
    tenant: Tenant,
    upload: &ResumableUpload,
) -> Result<FileId, FileError> {
    let lease = lease::take(state, tenant, upload).await?;
    let finishing = Box::pin(put_together(state, (tenant, &lease), upload));
    let finished = lease::while_held(state, (tenant, &lease), finishing).await;
    if finished.is_err() {
        lease::give_back(state, tenant, &lease).await;
    }
    finished
}

async fn put_together(
    state: &AppState,
    (tenant, lease): (Tenant, &Lease),
    upload: &ResumableUpload,
) -> Result<FileId, FileError> {
    let parts = state.uploads.list_parts(tenant, upload.id).await?;
    let mut note = Note::begin_prepaid(state, tenant).await?;
    let id = note.key().id;
    let storing = Box::pin(store(state, (upload, &parts), &mut note));
    // Recorded when nobody touches the note any more: the commit takes it away.
    let recorded = match while_noted((state, tenant, id), storing).await {
        Ok(file) => state.uploads.finish(tenant, lease, &file).await,
        Err(error) => Err(error),
    };
    match recorded {
        Ok(()) => {
            for part in &parts {
                note::discard(state, &part.as_loose(upload.company_id)).await;
            }
            Ok(id)
        }
        // It may be recorded although the answer of the database was lost: the sweep will see.
        Err(error @ FileError::Db(_)) => Err(error),
        Err(error) => {
            note.discard().await;
            Err(error)
        }
    }
}

async fn store(
    state: &AppState,
    (upload, parts): (&ResumableUpload, &[Part]),
    note: &mut Note<'_>,
) -> Result<StoredFile, FileError> {
    let mut object = state.storage.create(&note.key(), Algorithm::Sha256).await?;
    let mut source = Source::new(bytes_of(state, upload, parts), state);
    if let End::Broken(error) = source.receive(&mut object, note, u64::MAX).await? {
        return Err(error);
    }
    if object.size_bytes() != upload.size_bytes {
        return Err(StorageError::Damaged.into());
    }
    let sha256 = Sha256::from_bytes(&object.digest()).ok_or(FileError::WrongDigest)?;
    let media_type = sniffed(object.first_bytes(), &upload.media_type);
    object.finish().await?;
    Ok(StoredFile {
        id: note.key().id,
        company_id: upload.company_id,
        name: upload.name.clone(),
        media_type,
        size_bytes: upload.size_bytes,
        sha256,
        created_at: note.now(),
        created_by: upload.created_by,
        created_through: upload.created_through.clone(),
        expires_at: upload.file_expires_at,
    })
}

/// The bytes of the parts, one after the other.
fn bytes_of<'s>(
    state: &'s AppState,
    upload: &ResumableUpload,
    parts: &[Part],
) -> BoxStream<'s, Result<Bytes, FileError>> {
    let parts: Vec<_> =
        parts.iter().map(|part| Ok((upload.object_key(part), part.size_bytes))).collect();
    stream::iter(parts)
        .and_then(move |(key, size_bytes)| async move {
            let part = state.storage.open_object(&key, size_bytes).await?;
            Ok::<_, StorageError>(part.read(0..size_bytes))
        })
        .try_flatten()
        .map_err(FileError::from)
        .boxed()
}
