//! What is done by itself: objects that somebody has left behind go, uploads that nobody comes back for end, and those
//! whose last byte has come become files.

use chrono::TimeDelta;
use shared::{Session, Tenant, Timestamp};
use tracing::{info, warn};

use crate::domain::note;
use crate::domain::resumable::upload::ResumableUpload;
use crate::domain::resumable::{finish_upload, terminate};
use crate::error::FileError;
use crate::state::AppState;

/// How much of each one sweep takes on.
const SWEEP_COUNT: i64 = 1000;

pub(crate) async fn sweep(state: &AppState) -> Result<(), FileError> {
    sweep_objects(state).await?;
    end_uploads(state).await?;
    finish_uploads(state).await
}

/// Removes the objects that nobody has been at work on for long. The clocks of replicas may differ by what is left of that
/// time after a few touches.
async fn sweep_objects(state: &AppState) -> Result<(), FileError> {
    let limit = abandoned_before(state);
    state.loose_objects.delete_settled_before(limit).await?;
    let objects = state.loose_objects.doom_before(limit, SWEEP_COUNT).await?;
    for object in &objects {
        note::discard(state, object).await;
    }
    if !objects.is_empty() {
        info!(count = objects.len(), "swept up {} loose objects", objects.len());
    }
    Ok(())
}

async fn end_uploads(state: &AppState) -> Result<(), FileError> {
    for upload in state.upload_sweep.list_expired(state.clock.now(), SWEEP_COUNT).await? {
        match terminate(state, tenant_of(&upload), upload.id).await {
            Ok(()) | Err(FileError::NoSuchFile) => {}
            Err(error) => warn!(upload = %upload.id, cause = %error, "cannot end an upload yet"),
        }
    }
    Ok(())
}

async fn finish_uploads(state: &AppState) -> Result<(), FileError> {
    for upload in state.upload_sweep.list_unfinished(state.clock.now(), SWEEP_COUNT).await? {
        match finish_upload(state, tenant_of(&upload), &upload).await {
            Ok(file) => info!(upload = %upload.id, %file, "made upload {} a file", upload.id),
            Err(FileError::UploadBusy | FileError::LostLease) => {}
            Err(error) => warn!(upload = %upload.id, cause = %error, "cannot finish an upload yet"),
        }
    }
    Ok(())
}

/// In the name of who has begun it.
fn tenant_of(upload: &ResumableUpload) -> Tenant {
    Session::new(upload.company_id, upload.created_by).tenant()
}

fn abandoned_before(state: &AppState) -> Timestamp {
    TimeDelta::from_std(state.limits.abandoned_after)
        .ok()
        .and_then(|age| state.clock.now().checked_sub_signed(age))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
