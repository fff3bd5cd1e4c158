//! [`ObjectUpload`]: an object that is being written, counted, digested and looked at on its way.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::StorageError;
use super::local::{StagedFile, off_the_loop};
use super::s3::S3Upload;
use crate::domain::media_type::FirstBytes;

/// How bytes are digested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Algorithm {
    #[default]
    Sha256,
    /// It finds accidents, no attacks: tus asks for it.
    Sha1,
}

/// An object that is being written.
pub(crate) struct ObjectUpload {
    size_bytes: u64,
    first_bytes: FirstBytes,
    digest: Context,
    target: Target,
}

enum Target {
    Local(StagedFile),
    S3(S3Upload),
}

impl ObjectUpload {
    pub(super) fn local(file: StagedFile, algorithm: Algorithm) -> Self {
        Self::new(Target::Local(file), algorithm)
    }

    pub(super) fn s3(upload: S3Upload, algorithm: Algorithm) -> Self {
        Self::new(Target::S3(upload), algorithm)
    }

    fn new(target: Target, algorithm: Algorithm) -> Self {
        let algorithm = match algorithm {
            Algorithm::Sha256 => &SHA256,
            Algorithm::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
        };
        let (first_bytes, digest) = (FirstBytes::default(), Context::new(algorithm));
        Self { size_bytes: 0, first_bytes, digest, target }
    }

    /// Takes the next piece, and gives its memory back, empty. Digesting and writing happen off the event loop, in one
    /// step.
    pub(crate) async fn write(&mut self, mut piece: Vec<u8>) -> Result<Vec<u8>, StorageError> {
        let mut digest = self.digest.clone();
        let size_bytes = piece.len() as u64;
        self.first_bytes.take(&piece);
        let file = match &self.target {
            Target::Local(file) => Some(file.clone()),
            Target::S3(_) => None,
        };
        (self.digest, piece) = off_the_loop(move || {
            digest.update(&piece);
            if let Some(file) = file {
                file.write(&piece)?;
            }
            Ok::<_, std::io::Error>((digest, piece))
        })
        .await?;
        if let Target::S3(upload) = &mut self.target {
            upload.write(&piece).await?;
        }
        self.size_bytes += size_bytes;
        piece.clear();
        Ok(piece)
    }

    /// How much has been written.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// With what it begins.
    pub(crate) fn first_bytes(&self) -> &[u8] {
        self.first_bytes.as_slice()
    }

    /// The digest of what has been written.
    pub(crate) fn digest(&self) -> Vec<u8> {
        self.digest.clone().finish().as_ref().to_vec()
    }

    /// By what name an S3 store keeps its parts.
    pub(crate) fn multipart_id(&self) -> Option<&str> {
        match &self.target {
            Target::Local(_) => None,
            Target::S3(upload) => upload.multipart_id(),
        }
    }

    /// Makes the object seen; when this returns, it will stay.
    pub(crate) async fn finish(self) -> Result<(), StorageError> {
        match self.target {
            Target::Local(file) => file.finish().await,
            Target::S3(upload) => upload.finish().await,
        }
    }
}
