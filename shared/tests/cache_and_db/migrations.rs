//! A service brings its database up to date when it starts, however many of it start at once.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::future::join_all;
use shared::db::{self, Db, DbError, Migrations};

use super::*;
use crate::db::{databases, execute, number};

const POSTGRES: EmbeddedMigrations = embed_migrations!("tests/cache_and_db/migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("tests/cache_and_db/migrations/sqlite");

async fn migrate(url: &str) -> Result<(), DbError> {
    db::migrate(url, Migrations { postgres: POSTGRES, sqlite: SQLITE }).await
}

async fn things(url: &str) -> i64 {
    let db = Db::open(url, 1).unwrap();
    number(&db, "SELECT COUNT(*) AS number FROM things").await.unwrap()
}

#[tokio::test]
async fn migrating_twice_is_migrating_once() {
    for database in databases().await {
        migrate(&database.url).await.unwrap();
        migrate(&database.url).await.unwrap();
        assert_eq!(things(&database.url).await, 1);
        let db = Db::open(&database.url, 1).unwrap();
        execute(&db, "INSERT INTO things (name) VALUES ('kept')").await.unwrap();
        migrate(&database.url).await.unwrap();
        assert_eq!(things(&database.url).await, 2);
    }
}

/// A rolling update starts its replicas together.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_migrate_at_the_same_time_wait_for_each_other() {
    for database in databases().await {
        migrate_at_once(&database.url).await;
    }
    // A file is quickly made, and whether two meet in it is a matter of luck.
    for _ in 0..50 {
        let folder = tempfile::tempdir().unwrap();
        migrate_at_once(&format!("sqlite://{}/baton.db", folder.path().display())).await;
    }
}

async fn migrate_at_once(url: &str) {
    let replicas = (0..8).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move { migrate(&url).await })
    });
    for replica in join_all(replicas).await {
        replica.unwrap().unwrap_or_else(|error| panic!("{url}: {error}"));
    }
    assert_eq!(things(url).await, 1, "{url}");
}

#[tokio::test]
async fn the_folder_of_a_sqlite_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/a/b/baton.db", folder.path().display());
    migrate(&url).await.unwrap();
    assert_eq!(things(&url).await, 1);
}

/// C5. A service that cannot migrate says so and ends; it does not hang in a half-started state.
#[tokio::test]
async fn migrating_a_database_that_is_away_or_silent_fails_within_3_s() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "a text, longer than a hundred bytes. ".repeat(4))
        .unwrap();
    let urls = [
        format!("postgres://u:s3cret@{}/db", nowhere()),
        format!("postgres://u:s3cret@{}/db", silent().await),
        format!("sqlite://{}/file/baton.db", folder.path().display()),
        format!("sqlite://{}/file", folder.path().display()),
    ];
    for url in urls {
        let outcome = tokio::time::timeout(crate::db::SOON, migrate(&url)).await;
        let error = outcome.unwrap_or_else(|_| panic!("{url}: hangs")).unwrap_err();
        let no_database = url.starts_with("sqlite:");
        assert!(matches!(error, DbError::Unavailable(_)) || no_database, "{url}: {error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
