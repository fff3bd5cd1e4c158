//! A client that sends exactly the bytes that it is told to send: what a proper one would not.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer as it came over the wire.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = lines.filter_map(header).collect();
        Self { status: status.unwrap_or(0), headers, body: body.to_owned() }
    }

    /// The value of the header, which occurs at most once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} occurs twice");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends the bytes and reads until the server closes; `Connection: close` makes it do so.
pub async fn send(address: SocketAddr, bytes: &[u8]) -> Answer {
    Answer::parse(&exchange(address, bytes).await)
}

/// The same, with all that came back: more than one answer where more than one request was sent.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut answer = Vec::new();
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        // A server that has seen enough closes before it has read all.
        let _ = stream.write_all(bytes).await;
        stream.read_to_end(&mut answer).await
    };
    let outcome = timeout(PATIENCE, exchange).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("no end after {PATIENCE:?}"));
    assert!(outcome.is_ok() || !answer.is_empty(), "{outcome:?}");
    String::from_utf8_lossy(&answer).into_owned()
}
