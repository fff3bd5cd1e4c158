//! [`OwnRedis`]: a Redis of a test's own, that can be flushed, stopped, and put back to an older copy of itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::certificates::Mounted;
use crate::process::{Process, free_port, wait_until};

pub struct OwnRedis {
    pub port: u16,
    folder: PathBuf,
    process: Process,
}

impl OwnRedis {
    /// Keeps what it saves in this folder.
    pub fn start(folder: &Path) -> Self {
        let (port, folder) = (free_port(), folder.to_owned());
        let redis = Self { port, process: server(port, &folder), folder };
        redis.wait();
        redis
    }

    /// One that speaks TLS alone, and demands a certificate.
    pub fn start_with_tls(folder: &Path, mounted: &Mounted) -> Self {
        let (port, plain, folder) = (free_port(), free_port(), folder.to_owned());
        let mut command = Command::new("redis-server");
        command.args(["--port", &plain.to_string(), "--tls-port", &port.to_string()]);
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]);
        command.arg(&folder).arg("--tls-cert-file").arg(mounted.path("tls.crt"));
        command.arg("--tls-key-file").arg(mounted.path("tls.key"));
        command.arg("--tls-ca-cert-file").arg(mounted.path("ca.crt"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let own = Self { port: plain, process: Process::start(command), folder };
        own.wait();
        Self { port, ..own }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn wait(&self) {
        wait_until("Redis answers", || self.say(&["PING"]).trim() == "PONG");
    }

    /// One command, and its answer.
    pub fn say(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(command).output();
        String::from_utf8(output.expect("redis-cli runs").stdout).expect("text")
    }

    /// Writes down what it holds.
    pub fn save(&self) {
        assert_eq!(self.say(&["SAVE"]).trim(), "OK");
    }

    /// Stops it without a chance to write anything down, and starts it with what it saved last.
    pub fn put_back(&mut self) {
        self.process.kill();
        self.process = server(self.port, &self.folder);
        self.wait();
    }
}

fn server(port: u16, folder: &Path) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--appendonly", "no", "--dir"]).arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Process::start(command)
}
