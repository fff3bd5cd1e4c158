//! Requests whose bodies are not, or not yet, all there.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::caller::Caller;

/// A request that is being sent.
pub struct HalfSent(TcpStream);

impl HalfSent {
    /// Sends the first line (`POST /path`), the caller's token, these headers, and these bytes.
    pub async fn begin(
        address: SocketAddr,
        (caller, line): (&Caller, &str),
        headers: &[(&str, &str)],
        bytes: &[u8],
    ) -> Self {
        let mut socket = TcpStream::connect(address).await.expect("it listens");
        let token = caller.token();
        let mut head = format!(
            "{line} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n"
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        socket.write_all(head.as_bytes()).await.expect("it listens");
        let mut sent = Self(socket);
        sent.send(bytes).await;
        sent
    }

    /// Sends more; that nobody takes it any more shows in the answer.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Ends what is sent, and reads the answer, `""` when there is none.
    pub async fn answer(mut self) -> String {
        let _ = self.0.shutdown().await;
        let mut answer = Vec::new();
        let _ = self.0.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}
