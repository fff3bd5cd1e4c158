//! Objects that no row knows: a database that was restored, a bucket that somebody else has written to. What is found is
//! noted as loose, and goes with the next sweep. What is under way has its note before its first byte.

use chrono::TimeDelta;
use futures_util::{StreamExt, TryStreamExt};
use tracing::warn;

use crate::error::FileError;
use crate::state::AppState;

/// Younger ones are left alone, whatever the rows say.
const MIN_AGE: TimeDelta = TimeDelta::hours(24);
/// How many are looked up at once.
const BATCH: usize = 200;

pub(crate) async fn collect(state: &AppState) -> Result<(), FileError> {
    let old = state.clock.now() - MIN_AGE;
    let mut batches = state.storage.list_before(old).try_chunks(BATCH).boxed();
    let mut found = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| error.1)?;
        found += state.loose_objects.adopt(&batch, state.clock.now()).await?;
    }
    if found > 0 {
        warn!(count = found, "found {found} objects that no row knows: they will be removed");
    }
    Ok(())
}
