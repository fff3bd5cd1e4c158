//! An upload on its way in: counted, digested and timed as it passes.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use shared::{Timestamp, UserId};
use tokio::time::timeout;

use crate::domain::file::{FileName, IdempotencyKey, MediaType, ObjectKey, Sha256, StoredFile};
use crate::domain::media_type::{FirstBytes, sniffed};
use crate::error::FileError;
use crate::storage::ObjectUpload;

/// What an upload may cost us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_file_bytes: u64,
    /// Between two pieces of the body.
    pub(crate) idle: Duration,
    /// From the first piece to the last.
    pub(crate) whole: Duration,
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
}

/// An upload of a user, with the place that its bytes go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload<'a> {
    pub(crate) key: ObjectKey,
    pub(crate) user_id: UserId,
    pub(crate) announced: &'a Announcement,
}

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) first_bytes: FirstBytes,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Sha256,
}

impl Upload<'_> {
    /// The file, if what has come is what was announced.
    pub(crate) fn fulfil(
        &self,
        received: Received,
        now: Timestamp,
    ) -> Result<StoredFile, FileError> {
        if self.announced.sha256.is_some_and(|announced| announced != received.sha256) {
            return Err(FileError::WrongDigest);
        }
        Ok(StoredFile {
            id: self.key.id,
            company_id: self.key.company_id,
            name: self.announced.name.clone(),
            media_type: sniffed(received.first_bytes.as_slice(), &self.announced.media_type),
            size_bytes: received.size_bytes,
            sha256: received.sha256,
            created_at: now,
            created_by: self.user_id,
        })
    }
}

/// Passes the body on to the object, piece by piece.
pub(crate) async fn receive<B>(
    body: B,
    object: &mut ObjectUpload,
    limits: &Limits,
) -> Result<Received, FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    let passing = pass_on(body, object, limits);
    timeout(limits.whole, passing).await.unwrap_or(Err(FileError::TooSlow))
}

async fn pass_on<B>(
    mut body: B,
    object: &mut ObjectUpload,
    limits: &Limits,
) -> Result<Received, FileError>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    let mut digest = Context::new(&SHA256);
    let (mut size_bytes, mut first_bytes) = (0, FirstBytes::default());
    while let Some(piece) =
        timeout(limits.idle, body.next()).await.map_err(|_| FileError::TooSlow)?
    {
        let piece = piece?;
        size_bytes += piece.len() as u64;
        limits.check_size(size_bytes)?;
        first_bytes.take(&piece);
        digest.update(&piece);
        object.write(&piece).await?;
    }
    let sha256 = Sha256::from_bytes(digest.finish().as_ref()).ok_or(FileError::WrongDigest)?;
    Ok(Received { first_bytes, size_bytes, sha256 })
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use shared::CompanyId;

    use super::*;
    use crate::domain::file::FileId;
    use crate::storage::Storage;

    const LIMITS: Limits = Limits {
        max_file_bytes: 10,
        idle: Duration::from_millis(50),
        whole: Duration::from_millis(200),
    };

    type Body = stream::BoxStream<'static, Result<Bytes, FileError>>;

    fn of(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        stream::iter(pieces).boxed()
    }

    /// A byte every 20 ms, for ever.
    fn trickle() -> Body {
        stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok(Bytes::from_static(b"")), ()))
        })
        .boxed()
    }

    async fn received(body: Body) -> Result<Received, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let storage = Storage::open(&format!("file://{}", folder.path().display()))?;
        let id = FileId::new_at(Timestamp::UNIX_EPOCH);
        let key = ObjectKey { company_id: CompanyId::try_from(100)?, id };
        let mut object = storage.create(&key).await?;
        Ok(receive(body, &mut object, &LIMITS).await?)
    }

    #[tokio::test]
    async fn what_comes_is_counted_and_digested() -> Result<(), Box<dyn std::error::Error>> {
        let received = received(of(&["he", "", "llo"])).await?;
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!((received.size_bytes, received.sha256.to_string()), (5, digest.to_owned()));
        Ok(())
    }

    #[tokio::test]
    async fn what_is_too_large_too_slow_or_broken_is_cut() {
        let broken = || Err(FileError::BrokenBody("reset".to_owned()));
        let table: [(Body, FileError); 4] = [
            (of(&["0123456789", "x"]), FileError::TooLarge { max_file_bytes: 10 }),
            (of(&["x"]).chain(stream::pending()).boxed(), FileError::TooSlow),
            (trickle(), FileError::TooSlow),
            (
                of(&["x"]).chain(stream::once(async move { broken() })).boxed(),
                FileError::BrokenBody(String::new()),
            ),
        ];
        for (body, expected) in table {
            let failure = received(body).await.err().and_then(|error| error.downcast().ok());
            assert_eq!(failure.as_deref(), Some(&expected));
        }
    }
}
