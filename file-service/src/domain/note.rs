//! [`Note`]: what is noted of an object while somebody writes it. As long as that goes on the note is touched, so that
//! what is not touched any more was left behind by a process that is gone.

use std::pin::Pin;

use shared::{Tenant, Timestamp};
use tracing::{info, warn};

use crate::domain::file::{FileId, ObjectKey};
use crate::error::FileError;
use crate::repository::loose_objects::LooseObject;
use crate::state::AppState;

/// Room is taken in steps of so many bytes where nobody has said how many there will be.
const STEP_BYTES: u64 = 4 * 1024 * 1024;

pub(crate) struct Note<'s> {
    state: &'s AppState,
    tenant: Tenant,
    object: LooseObject,
    written: u64,
    /// None: the room was taken by somebody else.
    reserved: Option<u64>,
}

impl<'s> Note<'s> {
    /// Notes a new object, and takes room for so many bytes; for those of unknown number it is taken as they come.
    pub(crate) async fn begin(
        state: &'s AppState,
        tenant: Tenant,
        size_bytes: Option<u64>,
    ) -> Result<Self, FileError> {
        let reserved = size_bytes.unwrap_or_default();
        let note = Self::new(state, tenant, Some(reserved));
        note.insert(reserved).await?;
        Ok(note)
    }

    /// Notes a new object for which there is room already.
    pub(crate) async fn begin_prepaid(
        state: &'s AppState,
        tenant: Tenant,
    ) -> Result<Self, FileError> {
        let note = Self::new(state, tenant, None);
        note.insert(0).await?;
        Ok(note)
    }

    fn new(state: &'s AppState, tenant: Tenant, reserved: Option<u64>) -> Self {
        let id = FileId::new_at(state.clock.now());
        let key = ObjectKey { company_id: tenant.company_id(), id };
        let object = LooseObject { key, multipart_id: None };
        Self { state, tenant, object, written: 0, reserved }
    }

    async fn insert(&self, bytes: u64) -> Result<(), FileError> {
        let (state, now) = (self.state, self.state.clock.now());
        let room = (bytes, state.limits.quota);
        state.loose_objects.insert(self.tenant, (self.key().id, now), room).await
    }

    pub(crate) fn key(&self) -> ObjectKey {
        self.object.key
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state.clock.now()
    }

    /// Makes sure that there is room for so many bytes more.
    pub(crate) async fn make_room(&mut self, bytes: u64) -> Result<(), FileError> {
        self.written += bytes;
        let Some(reserved) = self.reserved else { return Ok(()) };
        self.state.limits.check_size(self.written)?;
        let missing = self.written.saturating_sub(reserved);
        if missing == 0 {
            return Ok(());
        }
        let taken = match self.reserve(missing.max(STEP_BYTES)).await {
            // Not for a whole step, perhaps for what is needed.
            Err(FileError::OverQuota { .. }) if missing < STEP_BYTES => self.reserve(missing).await,
            taken => taken,
        }?;
        self.reserved = Some(reserved + taken);
        Ok(())
    }

    async fn reserve(&self, bytes: u64) -> Result<u64, FileError> {
        let room = (bytes, self.state.limits.quota);
        self.state.loose_objects.reserve(self.tenant, self.key().id, room).await?;
        Ok(bytes)
    }

    /// Notes by what name the store keeps the parts of the object, before it has one.
    pub(crate) async fn keep_multipart(&mut self, id: Option<&str>) -> Result<(), FileError> {
        let Some(id) = id.filter(|_| self.object.multipart_id.is_none()) else { return Ok(()) };
        self.object.multipart_id = Some(id.to_owned());
        self.state.loose_objects.note_multipart(self.tenant, self.key().id, id).await
    }

    /// The object comes to nothing. What fails here is done again by the sweep.
    pub(crate) async fn discard(self) {
        discard(self.state, &self.object).await;
    }
}

/// Removes a loose object, and then the note.
pub(crate) async fn discard(state: &AppState, object: &LooseObject) {
    let key = &object.key;
    if let Err(error) = state.storage.delete(key, object.multipart_id.as_deref()).await {
        warn!(object = %key, cause = %error, "cannot remove object {key} yet");
        return;
    }
    if let Err(error) = state.loose_objects.delete(key).await {
        warn!(object = %key, cause = %error, "cannot take away the note about object {key} yet");
    }
}

/// The work, while the note about its object is touched. (In a box: futures within futures would fill the stack.)
pub(crate) async fn while_noted<T>(
    (state, tenant, id): (&AppState, Tenant, FileId),
    work: Pin<Box<impl Future<Output = Result<T, FileError>>>>,
) -> Result<T, FileError> {
    tokio::select! {
        done = work => done,
        given_up = keep_touching(state, tenant, id) => Err(given_up),
    }
}

async fn keep_touching(state: &AppState, tenant: Tenant, id: FileId) -> FileError {
    loop {
        tokio::time::sleep(state.limits.abandoned_after / 4).await;
        match state.loose_objects.touch(tenant, id, state.clock.now()).await {
            Ok(()) => {}
            Err(FileError::Abandoned) => return FileError::Abandoned,
            // It may be back for the next.
            Err(error) => info!(cause = %error, "cannot say that an upload goes on"),
        }
    }
}
