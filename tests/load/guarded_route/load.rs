//! The load: many connections, each with one request under way, from one thread.

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::harness::Failure;

/// Sends requests.
pub struct Load {
    runtime: Runtime,
}

impl Load {
    /// So many that the server always has something to do.
    pub const CONNECTIONS: usize = 32;

    pub fn new() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime })
    }

    /// So many requests, with these tokens one after the other; each has to be answered 200.
    pub fn send(&self, port: u16, tokens: &[String], requests: usize) -> Result<(), Failure> {
        let each = requests / Self::CONNECTIONS;
        let connections = (0..Self::CONNECTIONS).map(|connection| {
            let begin = connection * each;
            let own = (begin..begin + each).map(|number| &tokens[number % tokens.len()]);
            Connection::send(port, own)
        });
        self.runtime.block_on(try_join_all(connections))?;
        Ok(())
    }

    /// How many are really sent of so many.
    pub fn rounded(requests: usize) -> usize {
        requests / Self::CONNECTIONS * Self::CONNECTIONS
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn send(port: u16, tokens: impl Iterator<Item = &String>) -> Result<(), Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut connection = Self { stream, buffer: vec![0; 4096] };
        for token in tokens {
            connection.exchange(token).await?;
        }
        Ok(())
    }

    async fn exchange(&mut self, token: &str) -> Result<(), Failure> {
        let request = format!(
            "GET /order HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut length = 0;
        while !is_whole(&self.buffer[..length]) {
            let read = self.stream.read(&mut self.buffer[length..]).await?;
            if read == 0 {
                return Err("the server closed the connection".into());
            }
            length += read;
        }
        if self.buffer.starts_with(b"HTTP/1.1 200 ") {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&self.buffer[..length]).into_owned().into())
    }
}

/// The answers are one JSON object without nested ones.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}")
}
