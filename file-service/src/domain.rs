//! What can be done with files.

pub(crate) mod author;
pub(crate) mod file;
pub(crate) mod intake;
pub(crate) mod media_type;
pub(crate) mod expiry;
mod note;
pub(crate) mod orphans;
pub(crate) mod quota;
pub(crate) mod range;
pub(crate) mod recent;
pub(crate) mod resumable;
pub(crate) mod sweep;
pub(crate) mod upload;

use std::sync::Arc;
use std::time::Duration;

use shared::Tenant;
use url::Url;

use crate::error::FileError;
use crate::repository::loose_objects::LooseObject;
use crate::state::AppState;
use crate::storage::StorageError;
use crate::storage::object::StoredObject;
use file::{FileId, StoredFile};
use media_type::served;
use quota::Usage;

/// How long anybody may begin a download by an address that was given out.
const DOWNLOAD_URL_LIFETIME: Duration = Duration::from_secs(60);

/// A file and its bytes.
pub(crate) async fn open_file(
    state: &AppState,
    tenant: Tenant,
    id: FileId,
) -> Result<(Arc<StoredFile>, StoredObject), FileError> {
    let file = match state.recent_files.find(tenant, id) {
        Some(file) => file,
        None => state.recent_files.keep(tenant, find_file(state, tenant, id)).await?,
    };
    match state.storage.open_object(&file.object_key(), file.size_bytes).await {
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

pub(crate) async fn find_file(
    state: &AppState,
    tenant: Tenant,
    id: FileId,
) -> Result<StoredFile, FileError> {
    state.files.find(tenant, id).await?.ok_or(FileError::NoSuchFile)
}

pub(crate) async fn delete_file(
    state: &AppState,
    tenant: Tenant,
    id: FileId,
) -> Result<(), FileError> {
    let file = find_file(state, tenant, id).await?;
    let object = LooseObject { key: file.object_key(), multipart_id: None };
    let deleted = state.files.delete(tenant, id, state.clock.now()).await;
    // It may be deleted although the answer of the database was lost.
    state.recent_files.forget(tenant, id);
    let deleted = deleted?;
    note::discard(state, &object).await;
    // Of two who delete it at once one is told that it is gone; both see to it that nothing is left.
    if deleted { Ok(()) } else { Err(FileError::NoSuchFile) }
}

pub(crate) async fn show_usage(state: &AppState, tenant: Tenant) -> Result<Usage, FileError> {
    let used_bytes = state.usage.find(tenant).await?;
    Ok(Usage { used_bytes, quota: state.limits.quota })
}

/// An address for downloads, and how long it is good.
#[derive(Clone, Debug)]
pub(crate) struct DownloadUrl {
    pub(crate) url: Url,
    pub(crate) expires_at: shared::Timestamp,
}

/// An address by which anybody may download this file for a minute; it is answered with these headers.
pub(crate) async fn sign_download(
    state: &AppState,
    file: &StoredFile,
    disposition: String,
) -> Result<DownloadUrl, FileError> {
    let headers = [
        ("response-content-disposition", disposition),
        ("response-content-type", served(&file.media_type).to_owned()),
    ];
    let expires_at = state.clock.now() + DOWNLOAD_URL_LIFETIME;
    let lifetime = DOWNLOAD_URL_LIFETIME;
    let url = state.storage.download_url(&file.object_key(), headers, lifetime).await?;
    Ok(DownloadUrl { url: url.ok_or(FileError::NoDownloadUrl)?, expires_at })
}

#[cfg(test)]
mod tests;
