//! What a folder of objects keeps to.

use std::error::Error;
use std::path::Path;

use bytes::Bytes;
use shared::{CompanyId, Timestamp};

use super::object::PIECE_BYTES;
use super::settings::S3Settings;
use super::*;

type Outcome = Result<(), Box<dyn Error>>;

fn storage_in(folder: &Path) -> Result<(Storage, ObjectKey), Box<dyn Error>> {
    let settings = StorageSettings {
        url: format!("file://{}/objects", folder.display()),
        s3: S3Settings::default(),
        max_object_bytes: u64::MAX,
    };
    let id = FileId::new_at(Timestamp::UNIX_EPOCH);
    let key = ObjectKey { company_id: CompanyId::try_from(100)?, id };
    Ok((Storage::open(&settings)?, key))
}

#[tokio::test]
async fn an_object_is_seen_when_it_is_finished_and_not_before() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (storage, key) = storage_in(folder.path())?;
    let content = vec![7; 3 * PIECE_BYTES + 1];
    let mut upload = storage.create(&key, Algorithm::Sha256).await?;
    assert!(upload.write(content.clone()).await?.is_empty());
    assert!(matches!(storage.open_object(&key, 0).await, Err(StorageError::Missing)));
    upload.finish().await?;
    let size_bytes = content.len() as u64;
    let object = storage.open_object(&key, size_bytes).await?;
    let pieces: Vec<Bytes> = object.read(0..size_bytes).try_collect().await?;
    assert_eq!(pieces.concat(), content);
    assert!(pieces.len() > 3);
    assert!(matches!(storage.open_object(&key, 1).await, Err(StorageError::Damaged)));
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_of_what_is_deleted_finished_or_not() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (storage, key) = storage_in(folder.path())?;
    storage.create(&key, Algorithm::Sha256).await?.finish().await?;
    let begun = storage.create(&key, Algorithm::Sha256).await?;
    storage.delete(&key, None).await?;
    drop(begun);
    storage.delete(&key, None).await?;
    let company = folder.path().join("objects/100");
    assert_eq!(std::fs::read_dir(company)?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_list_knows_our_finished_objects_and_nothing_else() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (storage, key) = storage_in(folder.path())?;
    storage.create(&key, Algorithm::Sha256).await?.finish().await?;
    let begun = ObjectKey { id: FileId::new_at(Timestamp::UNIX_EPOCH), ..key };
    let _begun = storage.create(&begun, Algorithm::Sha256).await?;
    std::fs::write(folder.path().join("objects/100/stranger"), "")?;
    std::fs::write(folder.path().join("objects/probe"), "")?;
    let later = Timestamp::from_timestamp(4_000_000_000, 0).unwrap_or_default();
    let found: Vec<ObjectKey> = storage.list_before(later).try_collect().await?;
    assert_eq!(found, [key]);
    let found: Vec<ObjectKey> = storage.list_before(Timestamp::UNIX_EPOCH).try_collect().await?;
    assert_eq!(found, []);
    Ok(())
}

#[test]
fn settings_of_a_bucket_do_not_print_their_secret() {
    let s3 = S3Settings {
        secret_key: Some(shared::Secret::new("s3cret".to_owned())),
        ..S3Settings::default()
    };
    assert!(!format!("{s3:?}").contains("s3cret"));
}
