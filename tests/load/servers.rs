//! PostgreSQL and Redis, as the tests have them: started for this program, and gone with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

use crate::harness::Failure;

/// Ends when its standard input does.
const SCRIPT: &str = r#"
die() { echo "$*" >&2; exit 1; }
. tests/servers
trap stop_servers EXIT
start_servers
echo "$BATON_TEST_POSTGRES_URL $BATON_TEST_POSTGRES_ADMIN_URL $BATON_TEST_REDIS_URL"
read -r
"#;

pub struct Servers {
    pub postgres: String,
    /// The same as a superuser.
    pub postgres_admin: String,
    pub redis: String,
    shell: Child,
}

impl Servers {
    pub fn start() -> Result<Self, Failure> {
        let mut shell = Command::new("bash")
            .args(["-c", SCRIPT])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(shell.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let urls: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let urls: [String; 3] = urls.try_into().map_err(|_| "the servers did not start")?;
        let [postgres, postgres_admin, redis] = urls;
        Ok(Self { postgres, postgres_admin, redis, shell })
    }

    /// A new database on a server that keeps what it has committed: the tests' own forgets it at a power cut, and is many
    /// times as fast for it.
    pub async fn create_durable_database(&self, name: &str) -> Result<String, Failure> {
        let mut admin = AsyncPgConnection::establish(&self.postgres_admin).await?;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            admin.batch_execute(&format!("ALTER SYSTEM SET {setting} = on")).await?;
        }
        admin.batch_execute("SELECT pg_reload_conf()").await?;
        let mut own = AsyncPgConnection::establish(&self.postgres).await?;
        own.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        let root = self.postgres.rsplit_once('/').map_or("", |(root, _)| root);
        Ok(format!("{root}/{name}"))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It has nothing more to say.
        let _ = self.shell.wait();
    }
}
