//! A baseline: the same statements, sent by `pgbench` to rows like those of the service.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::NamedTempFile;
use url::Url;

use crate::harness::Failure;

pub struct Pgbench {
    url: Url,
    script: NamedTempFile,
}

impl Pgbench {
    /// Sends this script to this database.
    pub fn new(database_url: &str, script: &str) -> Result<Self, Failure> {
        let mut file = NamedTempFile::new()?;
        file.write_all(script.as_bytes())?;
        Ok(Self { url: database_url.parse()?, script: file })
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

/// The newest one that is there.
fn program() -> Result<PathBuf, Failure> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")?.filter_map(Result::ok);
    let programs = versions.map(|version| version.path().join("bin/pgbench"));
    Ok(programs.filter(|program| program.exists()).max().ok_or("pgbench is missing")?)
}
