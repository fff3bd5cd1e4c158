//! PostgreSQL and Redis, as the tests have them: started for this program, and gone with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::Failure;

/// Ends when its standard input does.
const SCRIPT: &str = r#"
die() { echo "$*" >&2; exit 1; }
. tests/servers
trap stop_servers EXIT
start_servers
echo "$BATON_TEST_POSTGRES_URL $BATON_TEST_REDIS_URL"
read -r
"#;

pub struct Servers {
    pub postgres: String,
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
        let (postgres, redis) = line.trim().split_once(' ').ok_or("the servers did not start")?;
        Ok(Self { postgres: postgres.to_owned(), redis: redis.to_owned(), shell })
    }

    /// A database of this name.
    pub fn database(&self, name: &str) -> String {
        let root = self.postgres.rsplit_once('/').map_or("", |(root, _)| root);
        format!("{root}/{name}")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It has nothing more to say.
        let _ = self.shell.wait();
    }
}
