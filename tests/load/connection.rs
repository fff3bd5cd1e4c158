//! A connection that is kept, with as little work on this side of it as can be.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::Failure;

/// See the [module](self).
pub struct Connection {
    stream: TcpStream,
    /// The last one, head and body.
    answer: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::new() })
    }

    /// Sends a request, head and body, and waits for its whole answer, which has to be a success.
    pub async fn exchange(&mut self, request: &str) -> Result<(), Failure> {
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        let mut length = None;
        while length.is_none_or(|length| self.answer.len() < length) {
            self.answer.reserve(4096);
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            length = length.or_else(|| whole_length(&self.answer));
        }
        if self.answer.starts_with(b"HTTP/1.1 20") {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&self.answer).into_owned().into())
    }

    /// The last answer.
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }
}

/// How long the answer will be, as soon as its head is there.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let end = whole_head(answer)?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    Some(end + length?.parse::<usize>().ok()?)
}

/// How long the head of the answer is, as soon as it is there.
pub fn whole_head(answer: &[u8]) -> Option<usize> {
    Some(answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4)
}
