//! One query text on both databases, with every wait bounded.

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use shared::db::{AsyncSqliteConnection, Db, DbError};
use shared::with_conn;
use tempfile::TempDir;

use super::*;

/// What the pool promises, for a database that is away.
pub const SOON: Duration = Duration::from_secs(3);

/// A database of the test's own.
pub struct Database {
    pub url: String,
    /// What is dropped with it.
    _folder: Option<TempDir>,
}

/// A new SQLite file, and a new database in PostgreSQL where there is one.
pub async fn databases() -> Vec<Database> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/baton.db", folder.path().display());
    let mut databases = vec![Database { url, _folder: Some(folder) }];
    if let Some(server) = server_at("BATON_TEST_POSTGRES_URL") {
        let name = format!("shared_{}", uuid::Uuid::new_v4().simple());
        let db = Db::open(&server, 1).unwrap();
        execute(&db, &format!("CREATE DATABASE {name}")).await.unwrap();
        let (start, _) = server.rsplit_once('/').unwrap();
        databases.push(Database { url: format!("{start}/{name}"), _folder: None });
    }
    databases
}

pub async fn execute(db: &Db, query: &str) -> Result<usize, DbError> {
    Ok(with_conn!(db, |conn| sql_query(query).execute(conn).await)?)
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

pub async fn number(db: &Db, query: &str) -> Result<i64, DbError> {
    let row: Number = with_conn!(db, |conn| sql_query(query).get_result(conn).await)?;
    Ok(row.number)
}

#[tokio::test]
async fn what_is_written_is_read_back_by_whoever_opens_the_database_next() {
    for database in databases().await {
        let db = Db::open(&database.url, 3).unwrap();
        db.ping().await.unwrap();
        execute(&db, "CREATE TABLE names (name TEXT PRIMARY KEY)").await.unwrap();
        let insert = || sql_query("INSERT INTO names (name) VALUES ('서울')");
        let inserted: Result<usize, DbError> =
            async { Ok(with_conn!(&db, |conn| insert().execute(conn).await)?) }.await;
        assert_eq!(inserted.unwrap(), 1);
        let next = Db::open(&database.url, 3).unwrap();
        let count = "SELECT COUNT(*) AS number FROM names WHERE name = '서울'";
        assert_eq!(number(&next, count).await.unwrap(), 1, "{db:?}");
        let again = execute(&db, "INSERT INTO names (name) VALUES ('서울')").await;
        assert!(matches!(again, Err(DbError::Query(_))), "{again:?}");
        let nonsense = execute(&db, "SELEC 1").await;
        assert!(matches!(nonsense, Err(DbError::Query(_))), "{nonsense:?}");
        db.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_in_two_processes_all_get_through() {
    for database in databases().await {
        let [one, other] = [(); 2].map(|()| Db::open(&database.url, 4).unwrap());
        execute(&one, "CREATE TABLE written (number INTEGER)").await.unwrap();
        let write = |db: &Db, number: usize| {
            let db = db.clone();
            tokio::spawn(async move {
                execute(&db, &format!("INSERT INTO written VALUES ({number})")).await
            })
        };
        let writes =
            (0..100).map(|number| write(if number % 2 == 0 { &one } else { &other }, number));
        for written in join_all(writes).await {
            assert_eq!(written.unwrap().unwrap(), 1);
        }
        assert_eq!(number(&one, "SELECT COUNT(*) AS number FROM written").await.unwrap(), 100);
    }
}

#[test]
fn an_address_of_something_else_is_refused_without_repeating_its_password() {
    for url in [
        "",
        "postgres",
        "sqlite:baton.db",
        "mysql://u:s3cret@host/db",
        "s3cret",
        "POSTGRES://u:s3cret@host/db",
    ] {
        let error = Db::open(url, 1).err();
        let Some(DbError::Address(text)) = error else { panic!("{url}: {error:?}") };
        assert!(!text.contains("s3cret"), "{text}");
    }
}

/// C5, C16.
#[tokio::test]
async fn a_database_that_is_away_or_silent_is_unavailable_within_3_s() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("no.db"),
        "this is a text of more than a hundred bytes".repeat(3),
    )
    .unwrap();
    let folder = folder.path().display();
    let urls = [
        format!("postgres://u:s3cret@{}/db", nowhere()),
        format!("postgres://u:s3cret@{}/db", silent().await),
        "postgres://u:s3cret@127.0.0.1:port/db".to_owned(),
        format!("sqlite://{folder}/no/such/folder/baton.db"),
        format!("sqlite://{folder}/no.db"),
    ];
    for url in urls {
        let db = Db::open(&url, 1).unwrap();
        for _ in 0..2 {
            let error = within(SOON, db.ping()).await.unwrap_err();
            assert!(matches!(error, DbError::Unavailable(_)), "{url}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}

/// C6.
#[tokio::test]
async fn when_all_connections_are_taken_the_next_one_does_not_wait_for_ever() {
    for database in databases().await {
        let db = Db::open(&database.url, 1).unwrap();
        let wait = async {
            with_conn!(&db, |conn| {
                let answer = sql_query("SELECT 1").execute(conn).await;
                let error = within(SOON, db.ping()).await.unwrap_err();
                assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
                answer
            })?;
            Ok::<_, DbError>(())
        };
        wait.await.unwrap();
        db.ping().await.unwrap();
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    setting: String,
}

/// C5. A restart of the database needs no restart of ours.
#[tokio::test]
async fn a_connection_that_postgresql_has_closed_is_replaced() {
    let Some(database) = databases().await.into_iter().find(|one| one.url.starts_with("postgres"))
    else {
        return;
    };
    let (db, operator) = (Db::open(&database.url, 2).unwrap(), Db::open(&database.url, 1).unwrap());
    let kill = "SELECT COUNT(pg_terminate_backend(pid)) AS number FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..3 {
        db.ping().await.unwrap();
        assert_eq!(number(&operator, kill).await.unwrap(), 1);
        // What the pool hands out next is checked first.
        tokio::time::sleep(Duration::from_millis(50)).await;
        db.ping().await.unwrap();
    }
    let killed_in_the_middle = execute(&db, "SELECT pg_terminate_backend(pg_backend_pid())").await;
    assert!(
        matches!(killed_in_the_middle, Err(DbError::Unavailable(_))),
        "{killed_in_the_middle:?}"
    );
    db.ping().await.unwrap();
}

/// A statement that hangs must not hold its request, nor its connection.
#[tokio::test]
async fn a_statement_of_postgresql_ends_after_5_s_and_its_clock_is_utc() {
    let Some(database) = databases().await.into_iter().find(|one| one.url.starts_with("postgres"))
    else {
        return;
    };
    let db = Db::open(&database.url, 1).unwrap();
    let slow = within(Duration::from_secs(7), execute(&db, "SELECT pg_sleep(30)")).await;
    assert!(matches!(slow, Err(DbError::Unavailable(_))), "{slow:?}");
    let read = async {
        let query = "SELECT current_setting('TimeZone') AS setting";
        Ok::<Setting, DbError>(with_conn!(&db, |conn| sql_query(query).get_result(conn).await)?)
    };
    assert_eq!(read.await.unwrap().setting, "UTC");
}

/// As under actix, where a runtime has one thread. Somebody else holds the file, so that the statement is under way when it is
/// given up.
#[tokio::test]
async fn a_statement_on_sqlite_that_nobody_waits_for_any_more_is_made_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("{}/baton.db", folder.path().display());
    let db = Db::open(&format!("sqlite://{path}"), 1).unwrap();
    execute(&db, "CREATE TABLE uses (number INTEGER)").await.unwrap();
    let mut other = AsyncSqliteConnection::establish(&path).await.unwrap();
    other.batch_execute("BEGIN EXCLUSIVE").await.unwrap();
    let insert = execute(&db, "INSERT INTO uses VALUES (1)");
    let given_up = tokio::time::timeout(Duration::from_millis(200), insert).await;
    assert!(given_up.is_err(), "{given_up:?}");
    other.batch_execute("COMMIT").await.unwrap();
    let made = async {
        while execute(&db, "UPDATE uses SET number = 2").await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, made).await.unwrap();
}
