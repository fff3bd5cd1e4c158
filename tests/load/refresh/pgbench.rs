//! The baseline: a renewal as one statement, sent by `pgbench` to rows like those of auth-service.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use tempfile::NamedTempFile;
use url::Url;

use crate::harness::Failure;

/// As long as an access token and a refresh token that are sealed.
const PAIR_BYTES: usize = 1_000;

pub struct Pgbench {
    url: Url,
    script: NamedTempFile,
}

impl Pgbench {
    /// So many rows, in a table of the same columns, indexes and storage as that of the logins.
    pub async fn new(database_url: &str, rows: usize) -> Result<Self, Failure> {
        let mut connection = AsyncPgConnection::establish(database_url).await?;
        let table = format!(
            "CREATE TABLE bench (LIKE logins INCLUDING ALL) WITH (fillfactor = 50);
             INSERT INTO bench (sid, user_id, session, provider, user_agent, address, credentials_version, began_at, auth_time_s, used_at, ends_at,
                 idle_until, generation, token_hash)
             SELECT number::text || '-0000-7000-8000-000000000000', number,
                 '{{\"companyId\":100,\"userId\":200}}', 'LOCAL', 'bench', '127.0.0.1', 0, now(), 0, now(),
                 now() + interval '90 days', now() + interval '14 days', 0,
                 md5(number::text || '-0000-7000-8000-0000000000000')
             FROM generate_series(1, {rows}) AS number;"
        );
        connection.batch_execute(&table).await?;
        let mut script = NamedTempFile::new()?;
        write!(script, "{}", statement(rows))?;
        Ok(Self { url: database_url.parse()?, script })
    }

    /// Transactions a second, by its own count: with few clients or with many, whichever is more.
    pub fn per_second(&self, time: Duration) -> Result<f64, Failure> {
        let (few, many) = (self.with_clients("8", time)?, self.with_clients("64", time)?);
        Ok(few.max(many))
    }

    fn with_clients(&self, clients: &str, time: Duration) -> Result<f64, Failure> {
        let password = self.url.password().unwrap_or_default();
        let output = Command::new(program()?)
            .args(["-n", "-M", "prepared", "-j", "1", "-c", clients])
            .args(["-T", &time.as_secs().to_string()])
            .args(["-h", self.url.host_str().unwrap_or_default()])
            .args(["-p", &self.url.port().unwrap_or_default().to_string()])
            .args(["-U", self.url.username(), "-f"])
            .arg(self.script.path())
            .arg(self.url.path().trim_start_matches('/'))
            .env("PGPASSWORD", password)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
        let failed = || String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(tps.ok_or_else(failed)?.parse()?)
    }
}

/// What auth-service does, with hashes that pgbench can know.
fn statement(rows: usize) -> String {
    let pair = "ab".repeat(PAIR_BYTES);
    format!(
        r"\set number random(1, {rows})
UPDATE bench SET generation = generation + 1, token_hash = md5(sid || (generation + 1)), parent_hash = token_hash,
    exchanged_at = now(), sealed_pair = '\x{pair}', used_at = now(), idle_until = now() + interval '14 days',
    user_agent = 'bench', address = '127.0.0.1'
WHERE sid = :number::text || '-0000-7000-8000-000000000000' AND token_hash = md5(sid || generation)
    AND ended_by IS NULL AND idle_until > now() AND ends_at > now();
"
    )
}

/// The newest one that is there.
fn program() -> Result<PathBuf, Failure> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")?.filter_map(Result::ok);
    let programs = versions.map(|version| version.path().join("bin/pgbench"));
    Ok(programs.filter(|program| program.exists()).max().ok_or("pgbench is missing")?)
}
