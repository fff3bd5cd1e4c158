//! `start`: how long from exec until every service is ready, and how much memory they take then.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use clap::Subcommand;
use standalone::options::Options;
use standalone::services::Services;
use standalone::settlement::start_batch;
use tempfile::TempDir;

use crate::harness::{Failure, Figure, Program};
use crate::process::{READY, free_ports, rss_mib, start_server};

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
    pub async fn serve(&self) -> Result<(), Failure> {
        match self {
            Self::All { data, port } => serve_all(data, *port).await,
            Self::Bare { port } => serve_bare(*port).await,
        }
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
        start(&["server", "start", "bare", &port.to_string()], &[port])
    }

    fn subject(&self) -> Result<Vec<Figure>, Failure> {
        let port = free_ports(104)?;
        let data = data_folder().display().to_string();
        let health: Vec<u16> = (0..4).map(|place| port + 100 + place).collect();
        start(&["server", "start", "all", &data, &port.to_string()], &health)
    }
}

/// One folder for all rounds: the databases are migrated in the first.
fn data_folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path()
}

/// Starts this program as a server and waits until `/readyz` at each of these ports says yes.
fn start(arguments: &[&str], health: &[u16]) -> Result<Vec<Figure>, Failure> {
    let started = Instant::now();
    let server = start_server(arguments)?;
    for port in health {
        wait_until_ready(*port, started)?;
    }
    let ready_ms = started.elapsed().as_secs_f64() * 1000.0;
    let rss_mib = rss_mib(server.id())?;
    Ok(vec![("ready_ms", ready_ms), ("rss_mib", rss_mib)])
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
