//! [`Backend`]: the databases and the cache of one test, on the embedded defaults or on real servers.
//!
//! `BATON_TEST_BACKEND=servers` chooses PostgreSQL and Redis at `BATON_TEST_POSTGRES_URL` and
//! `BATON_TEST_REDIS_URL`; `tests/run` starts both.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use shared::db::AsyncSqliteConnection;
use standalone::options::Databases;
use uuid::Uuid;

/// Redis databases that `tests/run` has its Redis keep apart.
const REDIS_DATABASES: usize = 1024;
static NEXT_REDIS_DATABASE: AtomicUsize = AtomicUsize::new(0);

const NAMES: [&str; 5] = ["auth", "user", "order", "file", "batch"];

/// Databases of a test's own.
pub struct Backend {
    pub databases: Databases,
    pub cache_url: String,
    /// The server and the prefix of the databases on it, if they are on one.
    postgres: Option<(String, String)>,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// Whether the tests run on real servers.
pub fn on_servers() -> bool {
    match std::env::var("BATON_TEST_BACKEND").as_deref() {
        Ok("servers") => true,
        Ok("embedded") | Err(_) => false,
        Ok(other) => panic!("BATON_TEST_BACKEND is servers or embedded, not {other}"),
    }
}

impl Backend {
    pub async fn new(folder: &Path) -> Self {
        if on_servers() { Self::on_servers().await } else { Self::embedded(folder) }
    }

    fn embedded(folder: &Path) -> Self {
        let url = |name: &str| format!("sqlite://{}/{name}.db", folder.display());
        let databases = Databases::each(url);
        Self { databases, cache_url: "memory://".to_owned(), postgres: None }
    }

    async fn on_servers() -> Self {
        let server = std::env::var("BATON_TEST_POSTGRES_URL").expect("tests/run sets it");
        let redis = std::env::var("BATON_TEST_REDIS_URL").expect("tests/run sets it");
        let prefix = format!("t_{}", Uuid::new_v4().simple());
        let mut connection = AsyncPgConnection::establish(&server).await.expect("PostgreSQL runs");
        for name in NAMES {
            let create = format!("CREATE DATABASE {prefix}_{name}");
            diesel::sql_query(create).execute(&mut connection).await.expect("a database is made");
        }
        let root = server.rsplit_once('/').expect("a URL with a database").0.to_owned();
        let databases = Databases::each(|name| format!("{root}/{prefix}_{name}"));
        let number = NEXT_REDIS_DATABASE.fetch_add(1, Ordering::SeqCst) % REDIS_DATABASES;
        Self { databases, cache_url: format!("{redis}/{number}"), postgres: Some((server, prefix)) }
    }

    /// Runs a statement in auth-service's database, past auth-service.
    pub async fn execute_in_auth(&self, sql: &str) {
        execute(&self.databases.auth, sql).await;
    }

    /// A number that auth-service's database gives, past auth-service.
    pub async fn count_in_auth(&self, sql: &str) -> i64 {
        let sql = format!("SELECT CAST(({sql}) AS TEXT) AS text");
        let rows = ask(&self.databases.auth, &sql).await;
        rows[0].parse().expect("a number")
    }

    /// What a statement gives in user-service's database, past user-service: its one column `text`.
    pub async fn ask_user(&self, sql: &str) -> Vec<String> {
        ask(&self.databases.user, sql).await
    }

    /// Drops the databases, also where somebody is still connected.
    pub async fn drop_databases(self) {
        let Some((server, prefix)) = self.postgres else { return };
        let mut connection = AsyncPgConnection::establish(&server).await.expect("PostgreSQL runs");
        for name in NAMES {
            let drop = format!("DROP DATABASE IF EXISTS {prefix}_{name} WITH (FORCE)");
            diesel::sql_query(drop).execute(&mut connection).await.expect("a database is dropped");
        }
    }
}

/// Runs statements, past everybody.
pub async fn execute(url: &str, sql: &str) {
    match url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut connection = AsyncSqliteConnection::establish(path).await.expect("a file");
            connection.batch_execute(sql).await.expect("it is done");
        }
        None => {
            let mut connection = AsyncPgConnection::establish(url).await.expect("a server");
            connection.batch_execute(sql).await.expect("it is done");
        }
    }
}

/// The one column `text` of what a statement gives, past everybody.
pub async fn ask(url: &str, sql: &str) -> Vec<String> {
    let statement = diesel::sql_query(sql);
    let rows: Vec<Row> = match url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut connection = AsyncSqliteConnection::establish(path).await.expect("a file");
            connection.batch_execute("PRAGMA busy_timeout = 5000").await.expect("it is set");
            statement.load(&mut connection).await.expect("rows")
        }
        None => {
            let mut connection = AsyncPgConnection::establish(url).await.expect("a server");
            statement.load(&mut connection).await.expect("rows")
        }
    };
    rows.into_iter().map(|row| row.text).collect()
}
