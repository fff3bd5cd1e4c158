//! The right to add to an upload: one has it at a time, and who dies loses it soon. It spares two who send the same bytes
//! the work; that only one of them counts is what the offset sees to.

use std::pin::Pin;
use std::time::Duration;

use shared::{Tenant, Timestamp};
use tracing::info;

use super::upload::{Lease, ResumableUpload};
use crate::error::FileError;
use crate::state::AppState;

const LEASE: Duration = Duration::from_secs(12);
const RENEWAL: Duration = Duration::from_secs(3);

pub(super) async fn take(
    state: &AppState,
    tenant: Tenant,
    upload: &ResumableUpload,
) -> Result<Lease, FileError> {
    let moment = (state.clock.now(), end(state));
    let asked = (upload.id, upload.offset_bytes);
    if let Some(lease) = state.uploads.lease(tenant, asked, moment).await? {
        return Ok(lease);
    }
    let found = state.uploads.find(tenant, upload.id).await?.ok_or(FileError::NoSuchFile)?;
    if found.offset_bytes == upload.offset_bytes {
        return Err(FileError::UploadBusy);
    }
    Err(FileError::WrongOffset { offset_bytes: found.offset_bytes })
}

/// The work, while the lease is renewed. It ends when the lease is lost.
pub(super) async fn while_held<T>(
    state: &AppState,
    (tenant, lease): (Tenant, &Lease),
    work: Pin<Box<impl Future<Output = Result<T, FileError>>>>,
) -> Result<T, FileError> {
    tokio::select! {
        done = work => done,
        lost = keep_renewing(state, tenant, lease) => Err(lost),
    }
}

/// So that the next need not wait for its end.
pub(super) async fn give_back(state: &AppState, tenant: Tenant, lease: &Lease) {
    match state.uploads.renew(tenant, lease, None).await {
        Ok(()) | Err(FileError::LostLease) => {}
        Err(error) => info!(cause = %error, "cannot give back the lease of an upload"),
    }
}

async fn keep_renewing(state: &AppState, tenant: Tenant, lease: &Lease) -> FileError {
    loop {
        tokio::time::sleep(RENEWAL).await;
        match state.uploads.renew(tenant, lease, Some(end(state))).await {
            Ok(()) => {}
            Err(FileError::LostLease) => return FileError::LostLease,
            // It may be back for the next.
            Err(error) => info!(cause = %error, "cannot renew the lease of an upload"),
        }
    }
}

fn end(state: &AppState) -> Timestamp {
    state.clock.now() + LEASE
}
