//! The load: bytes that are read and thrown away, or sent over and over again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::MIB;
use super::baseline::piece;
use super::subject::parsed;
use crate::connection::{Connection, whole_head};
use crate::harness::{Failure, quantile};

/// So many that a server always has something to do.
const CONNECTIONS: usize = 32;
/// What a reader takes at once.
const READ: usize = 256 * 1024;
/// Nothing here pauses for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of many small requests.
pub struct Small {
    pub per_second: f64,
    pub p99_ms: f64,
}

pub struct Transfers {
    runtime: Runtime,
    piece: Vec<u8>,
}

impl Transfers {
    pub fn new() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, piece: piece() })
    }

    /// This request so often, over connections that are kept.
    pub fn small(&self, port: u16, request: &str, count: usize) -> Result<Small, Failure> {
        let started = Instant::now();
        let each = count / CONNECTIONS;
        let connections = (0..CONNECTIONS).map(|_| exchange(port, request, each));
        let waited = self.runtime.block_on(try_join_all(connections))?.concat();
        let per_second = waited.len() as f64 / started.elapsed().as_secs_f64();
        Ok(Small { per_second, p99_ms: quantile(waited, 0.99) })
    }

    /// Sends so many bytes after this head; what the answer says.
    pub fn upload(&self, port: u16, head: &str, bytes: usize) -> Result<Value, Failure> {
        upload(port, (head, &self.piece), bytes)
    }
}

async fn exchange(port: u16, request: &str, count: usize) -> Result<Vec<f64>, Failure> {
    let (mut connection, mut waited) = (Connection::open(port).await?, Vec::new());
    for _ in 0..count {
        let sent = Instant::now();
        connection.exchange(request).await?;
        waited.push(sent.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(waited)
}

fn connect(port: u16) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads an answer of so many bytes and throws it away.
pub fn download(port: u16, request: &str, bytes: usize) -> Result<(), Failure> {
    let mut stream = connect(port)?;
    stream.write_all(request.as_bytes())?;
    let mut buffer = vec![0; READ];
    let mut filled = 0;
    let head = loop {
        filled += some(stream.read(&mut buffer[filled..])?)?;
        if let Some(head) = whole_head(&buffer[..filled]) {
            break head;
        }
    };
    if !buffer.starts_with(b"HTTP/1.1 20") {
        return Err(String::from_utf8_lossy(&buffer[..filled]).into_owned().into());
    }
    let mut left = bytes - (filled - head);
    while left > 0 {
        left -= some(stream.read(&mut buffer)?)?;
    }
    Ok(())
}

fn some(read: usize) -> Result<usize, Failure> {
    if read == 0 { Err("the server closed the connection".into()) } else { Ok(read) }
}

/// Sends a head, which asks for the connection to be closed, and so many bytes, these over and over again.
pub fn upload(port: u16, (head, piece): (&str, &[u8]), bytes: usize) -> Result<Value, Failure> {
    let mut stream = connect(port)?;
    stream.write_all(head.as_bytes())?;
    let mut left = bytes;
    while left > 0 {
        let now = left.min(MIB);
        stream.write_all(&piece[..now])?;
        left -= now;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parsed(&answer)
}
