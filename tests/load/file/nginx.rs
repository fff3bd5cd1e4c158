//! nginx, as Debian has it (BSD licence), with a configuration of its own in a temporary folder.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::subject::Stored;
use crate::harness::Failure;
use crate::process::{Killed, free_ports};

const PROGRAM: &str = "/usr/sbin/nginx";

/// Gone when it is dropped.
pub struct Nginx {
    port: u16,
    configuration: PathBuf,
    _process: Killed,
}

impl Drop for Nginx {
    /// Killed, it would leave its workers behind.
    fn drop(&mut self) {
        let _ = command(&self.configuration).args(["-s", "stop"]).status();
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            && started.elapsed() < Duration::from_secs(5)
        {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn command(configuration: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("-c").arg(configuration).args(["-e", "stderr"]);
    command
}

impl Nginx {
    /// Serves this folder.
    pub fn start(folder: &Path, objects: &Path) -> Result<Self, Failure> {
        if !Path::new(PROGRAM).exists() {
            return Err(format!("{PROGRAM} is missing: apt-get install nginx-light").into());
        }
        let port = free_ports(1)?;
        let path = folder.join("nginx.conf");
        std::fs::write(&path, configuration(folder, objects, port))?;
        let process = Killed::spawn(command(&path).stdout(Stdio::null()))?;
        wait_for(port)?;
        Ok(Self { port, configuration: path, _process: process })
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

fn configuration(folder: &Path, objects: &Path, port: u16) -> String {
    let (folder, objects) = (folder.display(), objects.display());
    format!(
        "daemon off;
master_process on;
worker_processes 2;
user root;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    access_log off;
    keepalive_requests 100000000;
    server {{
        listen 127.0.0.1:{port};
        root {objects};
    }}
}}
"
    )
}

fn wait_for(port: u16) -> Result<(), Failure> {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if started.elapsed() > Duration::from_secs(10) {
            return Err("nginx does not start".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A request for a file.
pub fn get(file: &Stored) -> String {
    format!("GET /{} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", file.object)
}
