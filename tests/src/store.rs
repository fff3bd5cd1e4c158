//! [`Store`]: where the bytes of files are. What is said of files has to be true in a folder and in a bucket.

use std::path::Path;

use crate::s3::{S3, count};
use crate::system::System;

pub enum Store {
    Folder,
    S3(S3),
}

impl Store {
    /// One of each kind.
    pub async fn each() -> [Self; 2] {
        [Self::Folder, Self::S3(S3::start().await)]
    }

    /// All services, with the files here and these settings of file-service.
    pub async fn system(&self, settings: &[(&'static str, &str)]) -> System {
        System::start_with(|options| {
            if let Self::S3(s3) = self {
                options.file_settings = s3.settings(s3.address);
            }
            let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
            options.file_settings.extend(settings);
        })
        .await
    }

    /// How many objects there are, those included that are being written.
    pub fn count(&self, system: &System) -> usize {
        match self {
            Self::Folder => count_in(&system.options.data_dir),
            Self::S3(s3) => s3.count() + s3.unfinished(),
        }
    }

    /// How many objects and parts there are. A process that is killed between the store's answer that an upload in parts
    /// has begun and the note of its name leaves that name behind: there is no byte under it, and no way to ask for it.
    pub fn count_with_bytes(&self, system: &System) -> usize {
        match self {
            Self::Folder => self.count(system),
            Self::S3(s3) => s3.count() + s3.parts(),
        }
    }
}

fn count_in(data_dir: &Path) -> usize {
    count(&data_dir.join("files"), &|_| true)
}
