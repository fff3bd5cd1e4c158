//! Resumable uploads: what is kept, and who may go on.

use super::*;
use crate::domain::resumable::upload::{Beginning, Checksum, Chunk, ResumableUpload};
use crate::domain::resumable::{append, begin_upload, find_upload, terminate};

async fn begin(state: &AppState, size_bytes: u64) -> Result<ResumableUpload, FileError> {
    let beginning = Beginning {
        name: FileName::parse("big.bin")?,
        media_type: MediaType::default(),
        metadata: String::new(),
        size_bytes,
        file_expires_at: None,
    };
    begin_upload(state, &author()?, beginning).await
}

async fn send(
    state: &AppState,
    upload: &ResumableUpload,
    (offset_bytes, body): (u64, Body),
) -> Result<ResumableUpload, FileError> {
    let chunk = Chunk { offset_bytes, size_bytes: None, checksum: None };
    append(state, (author()?.tenant(), upload.id), &chunk, body).await
}

#[tokio::test]
async fn what_came_before_a_break_is_kept() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let upload = begin(&state, 10).await?;
    assert_eq!(used(&state).await?, 10);
    let broken = FileError::BrokenBody(String::new());
    assert_eq!(send(&state, &upload, (0, breaking("0123"))).await, Err(broken));
    let tenant = author()?.tenant();
    assert_eq!(find_upload(&state, tenant, upload.id).await?.offset_bytes, 4);
    let again = send(&state, &upload, (0, of(&["0"]))).await;
    assert_eq!(again, Err(FileError::WrongOffset { offset_bytes: 4 }));
    let whole = send(&state, &upload, (4, of(&["45", "6789"]))).await?;
    let id = whole.file_id.ok_or("no file")?;
    let (file, object) = open_file(&state, tenant, id).await?;
    assert_eq!(&*object.read_all(0..10).await?, b"0123456789");
    let digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
    assert_eq!((file.sha256.to_string().as_str(), file.size_bytes), (digest, 10));
    assert_eq!((stored(folder.path()), used(&state).await?), (1, 10));
    assert_eq!(send(&state, &upload, (10, of(&[]))).await?.file_id, Some(id));
    Ok(())
}

#[tokio::test]
async fn an_upload_that_is_longer_than_it_said_keeps_nothing_of_the_excess() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let upload = begin(&state, 3).await?;
    assert_eq!(send(&state, &upload, (0, of(&["0123"]))).await, Err(FileError::BeyondLength));
    assert_eq!(find_upload(&state, author()?.tenant(), upload.id).await?.offset_bytes, 0);
    assert_eq!(stored(folder.path()), 0);
    Ok(())
}

#[tokio::test]
async fn what_has_a_wrong_checksum_is_not_there() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let upload = begin(&state, 3).await?;
    let checksum = Checksum { algorithm: Algorithm::Sha1, digest: vec![0; 20] };
    let chunk = Chunk { offset_bytes: 0, size_bytes: None, checksum: Some(checksum) };
    let place = (author()?.tenant(), upload.id);
    let appended = append(&state, place, &chunk, of(&["012"])).await;
    assert_eq!(appended, Err(FileError::WrongChecksum));
    assert_eq!(
        (find_upload(&state, place.0, place.1).await?.offset_bytes, 0),
        (0, stored(folder.path()))
    );
    Ok(())
}

#[tokio::test]
async fn one_of_two_at_once_adds_and_a_dead_one_is_taken_over() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, clock) = state_in(folder.path(), json!({})).await?;
    let upload = begin(&state, 4).await?;
    let hanging = send(&state, &upload, (0, of(&["a"]).chain(stream::pending()).boxed()));
    let hanging = tokio::time::timeout(Duration::from_millis(500), hanging);
    let other = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        send(&state, &upload, (0, of(&["b"]))).await
    };
    let (hanging, other) = tokio::join!(hanging, other);
    // The first is gone without a word, as after a kill.
    assert!(hanging.is_err());
    assert_eq!(other, Err(FileError::UploadBusy));
    assert_eq!(send(&state, &upload, (0, of(&["b"]))).await, Err(FileError::UploadBusy));
    clock.advance(Duration::from_secs(13));
    assert_eq!(send(&state, &upload, (0, of(&["bcde"]))).await?.offset_bytes, 4);
    clock.advance(Duration::from_secs(1000));
    sweep::sweep(&state).await?;
    assert_eq!((stored(folder.path()), used(&state).await?), (1, 4));
    Ok(())
}

#[tokio::test]
async fn an_upload_that_ends_gives_back_what_it_held() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, clock) = state_in(folder.path(), json!({"quota_bytes": 20})).await?;
    let tenant = author()?.tenant();
    let (first, second) = (begin(&state, 10).await?, begin(&state, 10).await?);
    assert!(matches!(begin(&state, 1).await, Err(FileError::OverQuota { .. })));
    for upload in [&first, &second] {
        let broken = send(&state, upload, (0, breaking("0123"))).await;
        assert!(broken.is_err());
    }
    terminate(&state, tenant, first.id).await?;
    assert_eq!(terminate(&state, tenant, first.id).await, Err(FileError::NoSuchFile));
    assert_eq!((stored(folder.path()), used(&state).await?), (1, 10));
    clock.advance(Duration::from_secs(24 * 3600 + 1));
    let expired = find_upload(&state, tenant, second.id).await;
    assert_eq!(expired, Err(FileError::NoSuchFile));
    sweep::sweep(&state).await?;
    assert_eq!((stored(folder.path()), used(&state).await?), (0, 0));
    Ok(())
}

#[tokio::test]
async fn an_upload_of_nothing_is_a_file_at_once() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let upload = begin(&state, 0).await?;
    let id = upload.file_id.ok_or("no file")?;
    assert_eq!(find_file(&state, author()?.tenant(), id).await?.size_bytes, 0);
    Ok(())
}

#[tokio::test]
async fn who_adds_to_an_upload_that_is_deleted_meanwhile_hears_that_it_is_gone() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let upload = begin(&state, 4).await?;
    let tenant = author()?.tenant();
    let deleting = async {
        let deleted = terminate(&state, tenant, upload.id).await;
        assert_eq!(deleted, Ok(()));
        Ok(Bytes::from_static(b"cd"))
    };
    let chunk = Chunk { offset_bytes: 0, size_bytes: None, checksum: None };
    let body = Box::pin(of(&["ab"]).chain(Box::pin(deleting).into_stream()));
    let appended = append(&state, (tenant, upload.id), &chunk, body).await;
    assert_eq!(appended, Err(FileError::NoSuchFile));
    assert_eq!((stored(folder.path()), used(&state).await?), (0, 0));
    Ok(())
}
