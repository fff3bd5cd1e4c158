//! [`LateCommit`]: stands between a service and PostgreSQL, and keeps back the answer to a commit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes bytes on; the answer to the commit of a transaction in which this was said comes so much later.
pub struct LateCommit {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

/// What is known of one connection.
#[derive(Default)]
struct Heard {
    said: AtomicBool,
    holds: AtomicBool,
}

impl LateCommit {
    /// In front of `target`, `host:port`.
    pub async fn start(target: &str, said: &'static str, late: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, target) = (listener.local_addr().expect("an address"), target.to_owned());
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&target).await.expect("PostgreSQL runs");
                let ((asks, answered), (answers, asked)) = (near.into_split(), far.into_split());
                let heard = Arc::<Heard>::default();
                tokio::spawn(ask(asks, asked, (Arc::clone(&heard), said)));
                tokio::spawn(answer(answers, answered, (heard, late)));
            }
        });
        Self { address, task }
    }
}

impl Drop for LateCommit {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn ask(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    (heard, said): (Arc<Heard>, &'static str),
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if holds(&bytes[..count], said) {
            heard.said.store(true, Ordering::SeqCst);
        }
        if holds(&bytes[..count], "COMMIT") && heard.said.swap(false, Ordering::SeqCst) {
            heard.holds.store(true, Ordering::SeqCst);
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn answer(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    (heard, late): (Arc<Heard>, Duration),
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if heard.holds.swap(false, Ordering::SeqCst) {
            tokio::time::sleep(late).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
