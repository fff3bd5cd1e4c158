//! [`SmtpSink`]: a mail server that keeps what it gets (RFC 5321, as much of it as a client needs).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A mail, as it came.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub from: String,
    pub to: String,
    /// Head and body.
    pub text: String,
}

impl Received {
    /// A line of the head, without its name.
    pub fn header(&self, name: &str) -> &str {
        let line = self.text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} in {}", self.text))
    }
}

/// It listens until it is dropped.
pub struct SmtpSink {
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl SmtpSink {
    /// On this port of loopback.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let kept = Arc::clone(&received);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                // Whoever hangs up has said all he wanted to.
                tokio::spawn(async move { converse(stream, &kept).await.ok() });
            }
        });
        Self { received, task }
    }

    /// All that has come so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The same, when it is so many.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let began = Instant::now();
        while self.received().len() < count {
            assert!(began.elapsed() < Duration::from_secs(30), "{count} mails within 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.received()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(stream: TcpStream, kept: &Mutex<Vec<Received>>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 sink.test ESMTP\r\n").await?;
    let mut mail = Received::default();
    while let Some(line) = lines.next_line().await? {
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" | "HELO" => "250-sink.test\r\n250 8BITMIME\r\n",
            "MAIL" => {
                mail = Received { from: line, ..Received::default() };
                "250 OK\r\n"
            }
            "RCPT" => {
                mail.to = line;
                "250 OK\r\n"
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.text += &format!("{}\n", line.strip_prefix('.').unwrap_or(&line));
                }
                kept.lock().unwrap().push(std::mem::take(&mut mail));
                "250 OK\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "500 what?\r\n",
        };
        writer.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
