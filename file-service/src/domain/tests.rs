//! What becomes of uploads when something goes wrong in between, with a clock that stands still.

mod resumable;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use shared::db::Db;
use shared::testing::StoppedClock;
use shared::{Clock, Session};

use super::*;
use crate::config::Config;
use crate::domain::author::Author;
use crate::domain::file::{FileName, IdempotencyKey, MediaType, ObjectKey};
use crate::domain::upload::{Announcement, Uploaded, upload_file};
use crate::startup;
use crate::storage::{Algorithm, Storage};

type Outcome = Result<(), Box<dyn Error>>;
type Body = BoxStream<'static, Result<Bytes, FileError>>;

async fn state_in(
    folder: &Path,
    settings: Value,
) -> Result<(AppState, StoppedClock), Box<dyn Error>> {
    let mut all = json!({
        "database_url": format!("sqlite://{}/file.db", folder.display()),
        "storage_url": format!("file://{}/objects", folder.display()),
        "issuer": "https://issuer.test",
        "jwks_url": "https://issuer.test/jwks.json",
    });
    if let (Some(all), Value::Object(settings)) = (all.as_object_mut(), settings) {
        all.extend(settings);
    }
    let config: Config = serde_json::from_value(all)?;
    startup::migrate(&config).await?;
    let db = Db::open(&config.database_url, 1)?;
    let clock = StoppedClock::at(1_782_000_000);
    let parts = (Storage::open(&config.storage())?, config.limits());
    Ok((AppState::new(&db, parts, Arc::new(clock.clone())), clock))
}

fn author() -> Result<Author, FileError> {
    let session = Session::parse(r#"{"companyId":100,"userId":200}"#);
    Ok(Author { session: session.map_err(|_| FileError::NoSuchFile)?, through: None })
}

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

fn breaking(content: &'static str) -> Body {
    let broken = async { Err(FileError::BrokenBody("reset".to_owned())) };
    of(&[content]).chain(broken.into_stream()).boxed()
}

async fn upload(state: &AppState, key: &str, body: Body) -> Result<Uploaded, FileError> {
    let announced = Announcement {
        name: FileName::parse("statement.csv")?,
        media_type: MediaType::default(),
        size_bytes: None,
        sha256: None,
        idempotency_key: Some(IdempotencyKey::parse(key)?),
        expires_at: None,
    };
    upload_file(state, &author()?, &announced, body).await
}

async fn used(state: &AppState) -> Result<u64, FileError> {
    Ok(show_usage(state, author()?.tenant()).await?.used_bytes)
}

fn stored(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder.join("objects/100"));
    entries.map_or(0, |entries| entries.count())
}

#[tokio::test]
async fn one_idempotency_key_makes_one_file() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let Uploaded::Created(file) = upload(&state, "once", of(&["a"])).await? else {
        return Err("known".into());
    };
    assert_eq!(upload(&state, "once", of(&["a"])).await?, Uploaded::Known(file.clone()));
    let other = upload(&state, "once", of(&["bcd"])).await;
    assert_eq!(other, Err(FileError::IdempotencyKeyReused));
    assert_eq!((stored(folder.path()), used(&state).await?), (1, 1));
    delete_file(&state, author()?.tenant(), file.id).await?;
    assert_eq!(used(&state).await?, 0);
    assert!(matches!(upload(&state, "once", of(&["b"])).await?, Uploaded::Created(_)));
    Ok(())
}

#[tokio::test]
async fn what_comes_is_counted_and_digested() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let Uploaded::Created(file) = upload(&state, "k", of(&["he", "", "llo"])).await? else {
        return Err("known".into());
    };
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!((file.size_bytes, file.sha256.to_string()), (5, digest.to_owned()));
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_broken_leaves_nothing() -> Outcome {
    let folder = tempfile::tempdir()?;
    let settings = json!({"max_file_bytes": 10, "body_idle_timeout_s": 1, "upload_timeout_s": 2});
    let (state, _) = state_in(folder.path(), settings).await?;
    let table: [(Body, FileError); 4] = [
        (of(&["0123456789", "x"]), FileError::TooLarge { max_file_bytes: 10 }),
        (of(&["x"]).chain(stream::pending()).boxed(), FileError::TooSlow),
        (trickle(), FileError::TooSlow),
        (breaking("x"), FileError::BrokenBody(String::new())),
    ];
    for (place, (body, expected)) in table.into_iter().enumerate() {
        assert_eq!(upload(&state, "k", body).await, Err(expected), "{place}");
        assert_eq!((stored(folder.path()), used(&state).await?), (0, 0), "{place}");
    }
    Ok(())
}

#[tokio::test]
async fn a_quota_is_used_to_its_last_byte_and_not_beyond() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({"quota_bytes": 10})).await?;
    upload(&state, "a", of(&["0123", "45"])).await?;
    let over = FileError::OverQuota { quota_bytes: 10, used_bytes: 6 };
    assert_eq!(upload(&state, "b", of(&["0123", "4"])).await, Err(over));
    assert_eq!(used(&state).await?, 6);
    upload(&state, "c", of(&["0123"])).await?;
    assert_eq!((stored(folder.path()), used(&state).await?), (2, 10));
    Ok(())
}

#[tokio::test]
async fn the_sweep_takes_what_no_file_stands_for_and_nothing_else() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, clock) = state_in(folder.path(), json!({})).await?;
    let Uploaded::Created(file) = upload(&state, "k", of(&["a"])).await? else {
        return Err("known".into());
    };
    // As if the process had been killed: before the one was recorded, before the note on the other was gone.
    let left = ObjectKey { id: FileId::new_at(clock.now()), ..file.object_key() };
    state.storage.create(&left, Algorithm::Sha256).await?.finish().await?;
    let (tenant, quota) = (author()?.tenant(), state.limits.quota);
    state.loose_objects.insert(tenant, (left.id, clock.now()), (1000, quota)).await?;
    state.loose_objects.insert(tenant, (file.id, clock.now()), (0, quota)).await?;
    assert_eq!(used(&state).await?, 1001);
    sweep::sweep(&state).await?;
    assert!(state.storage.open_object(&left, 0).await.is_ok(), "it may still be at work");
    clock.advance(Duration::from_secs(100));
    state.loose_objects.touch(tenant, left.id, clock.now()).await?;
    clock.advance(Duration::from_secs(100));
    sweep::sweep(&state).await?;
    assert!(state.storage.open_object(&left, 0).await.is_ok(), "it has given a sign of life");
    clock.advance(Duration::from_secs(100));
    sweep::sweep(&state).await?;
    assert!(matches!(state.storage.open_object(&left, 0).await, Err(StorageError::Missing)));
    assert!(open_file(&state, tenant, file.id).await.is_ok());
    assert_eq!(used(&state).await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_object_that_is_about_to_go_becomes_no_file() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, clock) = state_in(folder.path(), json!({})).await?;
    let doom = async {
        clock.advance(Duration::from_secs(1000));
        let doomed = state.loose_objects.doom_before(clock.now(), 10).await?;
        assert_eq!(doomed.len(), 1);
        Ok(Bytes::from_static(b"b"))
    };
    let body = of(&["a"]).chain(Box::pin(doom).into_stream());
    let announced = Announcement {
        name: FileName::parse("late")?,
        media_type: MediaType::default(),
        size_bytes: Some(2),
        sha256: None,
        idempotency_key: None,
        expires_at: None,
    };
    let uploaded = upload_file(&state, &author()?, &announced, body.boxed()).await;
    assert_eq!(uploaded, Err(FileError::Abandoned));
    assert_eq!((stored(folder.path()), used(&state).await?), (0, 0));
    Ok(())
}

#[tokio::test]
async fn an_object_that_nobody_knows_goes_when_it_is_old() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, clock) = state_in(folder.path(), json!({})).await?;
    let Uploaded::Created(file) = upload(&state, "k", of(&["a"])).await? else {
        return Err("known".into());
    };
    let stranger = ObjectKey { id: FileId::new_at(clock.now()), ..file.object_key() };
    state.storage.create(&stranger, Algorithm::Sha256).await?.finish().await?;
    // Its date is the disk's, which knows nothing of our clock: long before and long after it.
    for (now, left) in [(1_400_000_000, 2), (2_400_000_000, 1)] {
        clock.set_wall_clock(now);
        orphans::collect(&state).await?;
        clock.advance(Duration::from_secs(1000));
        sweep::sweep(&state).await?;
        assert_eq!(stored(folder.path()), left);
    }
    assert!(open_file(&state, author()?.tenant(), file.id).await.is_ok());
    assert_eq!(used(&state).await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_was_looked_up_a_moment_ago_is_gone_when_it_is_deleted_elsewhere() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let (replica, clock) = state_in(folder.path(), json!({})).await?;
    let tenant = author()?.tenant();
    let Uploaded::Created(file) = upload(&state, "k", of(&["a"])).await? else {
        return Err("known".into());
    };
    assert!(open_file(&replica, tenant, file.id).await.is_ok());
    // The row goes first; the object is left, as by a kill.
    state.files.delete(tenant, file.id, clock.now()).await?;
    assert!(open_file(&replica, tenant, file.id).await.is_ok(), "it is remembered");
    clock.advance(Duration::from_secs(1));
    let gone = open_file(&replica, tenant, file.id).await.err();
    assert_eq!(gone, Some(FileError::NoSuchFile));
    Ok(())
}

#[tokio::test]
async fn an_object_that_is_gone_is_never_answered_from_memory() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (state, _) = state_in(folder.path(), json!({})).await?;
    let (replica, _) = state_in(folder.path(), json!({})).await?;
    let tenant = author()?.tenant();
    let Uploaded::Created(file) = upload(&state, "k", of(&["a"])).await? else {
        return Err("known".into());
    };
    assert!(open_file(&replica, tenant, file.id).await.is_ok());
    delete_file(&state, tenant, file.id).await?;
    let gone = open_file(&replica, tenant, file.id).await.err();
    assert_eq!(gone, Some(FileError::NoSuchFile));
    Ok(())
}
