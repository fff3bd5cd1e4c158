//! `start`: how long from exec until every service is ready, and how much memory they take then.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use clap::Subcommand;
use standalone::options::Options;
use standalone::services::Services;
use standalone::settlement::start_batch;
use tempfile::TempDir;

use crate::harness::{Failure, Figure, Program, on_server_core};

/// What a server says when it is put together.
const READY: &str = "ready";

/// The servers that this program starts as processes of their own.
#[derive(Subcommand)]
pub enum Server {
    /// All five services.
    All {
        /// Their folder.
        data: PathBuf,
        /// Their first port.
        port: u16,
    },
    /// One route and nothing else.
    Bare {
        /// Its port.
        port: u16,
    },
}

impl Server {
    pub fn run(&self) -> ExitCode {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let ended = match self {
            Self::All { data, port } => runtime.block_on(serve_all(data, *port)),
            Self::Bare { port } => runtime.block_on(serve_bare(*port)),
        };
        shared::server::exit(ended)
    }
}

async fn serve_all(data: &Path, port: u16) -> Result<(), Failure> {
    let mut options = Options::embedded(data);
    options.first_port = Some(port);
    let services = Services::start(&options).await?;
    let batch = start_batch(&services, &options).await?;
    println!("{READY}");
    shared::server::termination().await;
    drop(batch);
    services.stop().await;
    Ok(())
}

async fn serve_bare(port: u16) -> Result<(), Failure> {
    let app = || App::new().route("/readyz", web::get().to(HttpResponse::Ok));
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run();
    println!("{READY}");
    server.await?;
    Ok(())
}

/// The program.
pub struct Start;

impl Program for Start {
    fn title(&self) -> &'static str {
        "start: all five services in one process, against one bare actix server"
    }

    /// Migrates the databases and makes the keys.
    fn warm_up(&self) -> Result<(), Failure> {
        self.subject().map(|_| ())
    }

    fn baseline(&self) -> Result<Vec<Figure>, Failure> {
        let port = free_ports(1)?;
        start(&["server", "bare", &port.to_string()], &[port])
    }

    fn subject(&self) -> Result<Vec<Figure>, Failure> {
        let port = free_ports(104)?;
        let data = data_folder().display().to_string();
        let health: Vec<u16> = (0..4).map(|place| port + 100 + place).collect();
        start(&["server", "all", &data, &port.to_string()], &health)
    }
}

/// One folder for all rounds: the databases are migrated in the first.
fn data_folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path()
}

/// A port that is free now, as are the ones that follow it.
fn free_ports(count: u16) -> Result<u16, Failure> {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let free = |offset: u16| {
            let port = first.checked_add(offset);
            port.is_some_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        };
        if (0..count).all(free) {
            return Ok(first);
        }
    }
    Err("no free ports".into())
}

/// Starts this program as a server and waits until `/readyz` at each of these ports says yes.
fn start(arguments: &[&str], health: &[u16]) -> Result<Vec<Figure>, Failure> {
    let mut command = on_server_core(&std::env::current_exe()?);
    let started = Instant::now();
    let mut server = Killed(command.args(arguments).stdout(Stdio::piped()).spawn()?);
    wait_for_word(&mut server.0)?;
    for port in health {
        wait_until_ready(*port, started)?;
    }
    let ready_ms = started.elapsed().as_secs_f64() * 1000.0;
    let rss_mib = rss_mib(server.0.id())?;
    server.0.kill()?;
    Ok(vec![("ready_ms", ready_ms), ("rss_mib", rss_mib)])
}

/// A child that does not outlive this program.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server's own word that all is put together, the batch too, which has no port to ask.
fn wait_for_word(server: &mut Child) -> Result<(), Failure> {
    let output = server.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.trim() == READY { Ok(()) } else { Err("the server did not start".into()) }
}

fn wait_until_ready(port: u16, started: Instant) -> Result<(), Failure> {
    while started.elapsed() < Duration::from_secs(30) {
        if is_ready(port).unwrap_or(false) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(format!("nothing is ready at port {port} within 30 s").into())
}

fn is_ready(port: u16) -> std::io::Result<bool> {
    let mut socket = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    socket.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// Resident memory of a process. `taskset` has become the server by exec, so its id is the server's.
fn rss_mib(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.ok_or("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
