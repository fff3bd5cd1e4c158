//! An upload in one request: counted, digested and timed as it passes. Its object is noted as loose from before its
//! first byte until its file is recorded: whenever a process dies, the sweep finds what it left.

use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use shared::Timestamp;
use tokio::time::timeout;

use crate::domain::author::Author;
use crate::domain::file::{FileName, IdempotencyKey, MediaType, Sha256, StoredFile};
use crate::domain::intake::{End, Source};
use crate::domain::media_type::sniffed;
use crate::domain::note::{Note, while_noted};
use crate::domain::quota::Quota;
use crate::error::FileError;
use crate::repository::files::RecordOutcome;
use crate::state::AppState;
use crate::storage::{Algorithm, ObjectUpload};

/// What uploads may cost us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_file_bytes: u64,
    /// For all files of a company.
    pub(crate) quota: Quota,
    /// Between two pieces of a body.
    pub(crate) idle: Duration,
    /// From the first piece of a body to the last.
    pub(crate) whole: Duration,
    /// How long a resumable upload waits for its next byte.
    pub(crate) resumable: Duration,
    /// After so long without a sign of life an object is left behind.
    pub(crate) abandoned_after: Duration,
}

impl Limits {
    pub(crate) fn check_size(&self, size_bytes: u64) -> Result<(), FileError> {
        let max_file_bytes = self.max_file_bytes;
        if size_bytes > max_file_bytes {
            return Err(FileError::TooLarge { max_file_bytes });
        }
        Ok(())
    }
}

/// What is said of a file before its bytes come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) name: FileName,
    pub(crate) media_type: MediaType,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) sha256: Option<Sha256>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uploaded {
    Created(StoredFile),
    /// It was sent before, and this is what came of it then.
    Known(StoredFile),
}

pub(crate) async fn upload_file<B>(
    state: &AppState,
    author: &Author,
    announced: &Announcement,
    body: B,
) -> Result<Uploaded, FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    state.limits.check_size(announced.size_bytes.unwrap_or_default())?;
    let mut note = Note::begin(state, author.tenant(), announced.size_bytes).await?;
    let id = note.key().id;
    let storing = Box::pin(store(state, (author, announced), &mut note, body));
    // The file is recorded when nobody touches the note any more: the commit takes it away, and who found it gone before the
    // answer was there would take the file's bytes for those of an upload that came to nothing.
    let uploaded = match while_noted((state, author.tenant(), id), storing).await {
        Ok(file) => record(state, (author, announced), file).await,
        Err(error) => Err(error),
    };
    match &uploaded {
        Ok(Uploaded::Created(_)) => {}
        // The file may be recorded although the answer of the database was lost: the sweep will see.
        Err(FileError::Db(_)) => {}
        _ => note.discard().await,
    }
    uploaded
}

async fn store<B>(
    state: &AppState,
    (author, announced): (&Author, &Announcement),
    note: &mut Note<'_>,
    body: B,
) -> Result<StoredFile, FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    let mut object = state.storage.create(&note.key(), Algorithm::Sha256).await?;
    let mut source = Source::new(body, state);
    let receiving = source.receive(&mut object, note, u64::MAX);
    match timeout(state.limits.whole, receiving).await.map_err(|_| FileError::TooSlow)?? {
        End::Over | End::Full => {}
        End::Broken(error) => return Err(error),
    }
    let file = fulfil((author, announced), note, &object)?;
    object.finish().await?;
    Ok(file)
}

async fn record(
    state: &AppState,
    (author, announced): (&Author, &Announcement),
    file: StoredFile,
) -> Result<Uploaded, FileError> {
    let key = announced.idempotency_key.as_ref();
    match state.files.record(author.tenant(), &file, key).await? {
        RecordOutcome::Created => Ok(Uploaded::Created(file)),
        RecordOutcome::KeyTaken(known) if known.repeats(&file) => Ok(Uploaded::Known(known)),
        RecordOutcome::KeyTaken(_) => Err(FileError::IdempotencyKeyReused),
    }
}

/// The file, if what has come is what was announced.
fn fulfil(
    (author, announced): (&Author, &Announcement),
    note: &Note<'_>,
    object: &ObjectUpload,
) -> Result<StoredFile, FileError> {
    let sha256 = Sha256::from_bytes(&object.digest()).ok_or(FileError::WrongDigest)?;
    if announced.sha256.is_some_and(|announced| announced != sha256) {
        return Err(FileError::WrongDigest);
    }
    Ok(StoredFile {
        id: note.key().id,
        company_id: note.key().company_id,
        name: announced.name.clone(),
        media_type: sniffed(object.first_bytes(), &announced.media_type),
        size_bytes: object.size_bytes(),
        sha256,
        created_at: note.now(),
        created_by: author.user_id(),
        created_through: author.through.clone(),
        expires_at: announced.expires_at,
    })
}
