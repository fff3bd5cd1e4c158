//! [`Proxy`]: stands between a service and a server that it needs, and can be cut, or slow.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How soon one that has been cut looks whether it is whole again.
const BLINK: Duration = Duration::from_millis(5);

/// Passes bytes on, until it is cut: then connections break, and new ones break at once.
pub struct Proxy {
    pub address: SocketAddr,
    cut: Arc<AtomicBool>,
    /// What is answered comes so much later, in milliseconds.
    delay_ms: Arc<AtomicU64>,
    breaks: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// In front of `target`, `host:port`.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (cut, breaks) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(()));
        let (is_cut, broken, target) = (Arc::clone(&cut), breaks.clone(), target.to_owned());
        let delay_ms = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_ms);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if is_cut.load(Ordering::SeqCst) {
                    drop(near);
                    tokio::time::sleep(BLINK).await;
                    continue;
                }
                let (target, delay) = (target.clone(), Arc::clone(&delay));
                tokio::spawn(pass((near, target), delay, broken.subscribe()));
            }
        });
        Self { address, cut, delay_ms, breaks, task }
    }

    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.breaks.send_replace(());
    }

    /// From now on each answer comes so much later.
    pub fn slow(&self, delay: Duration) {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap();
        self.delay_ms.store(delay_ms, Ordering::SeqCst);
    }

    /// Whole and fast again.
    pub fn mend(&self) {
        self.delay_ms.store(0, Ordering::SeqCst);
        self.cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    (near, target): (TcpStream, String),
    delay_ms: Arc<AtomicU64>,
    mut broken: watch::Receiver<()>,
) {
    let Ok(far) = TcpStream::connect(&target).await else { return };
    let ((mut asks, answered), (answers, mut asked)) = (near.into_split(), far.into_split());
    tokio::select! {
        _ = copy(&mut asks, &mut asked) => {}
        () = answer(answers, answered, &delay_ms) => {}
        _ = broken.changed() => {}
    }
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay_ms: &AtomicU64) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let delay = Duration::from_millis(delay_ms.load(Ordering::SeqCst));
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
