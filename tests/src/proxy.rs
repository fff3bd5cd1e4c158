//! [`Proxy`]: stands between a service and a server that it needs, and can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How soon one that has been cut looks whether it is whole again.
const BLINK: Duration = Duration::from_millis(5);

/// Passes bytes on, until it is cut: then connections break, and new ones break at once.
pub struct Proxy {
    pub address: SocketAddr,
    cut: Arc<AtomicBool>,
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
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if is_cut.load(Ordering::SeqCst) {
                    drop(near);
                    tokio::time::sleep(BLINK).await;
                    continue;
                }
                tokio::spawn(pass(near, target.clone(), broken.subscribe()));
            }
        });
        Self { address, cut, breaks, task }
    }

    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.breaks.send_replace(());
    }

    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut near: TcpStream, target: String, mut broken: watch::Receiver<()>) {
    let Ok(mut far) = TcpStream::connect(&target).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = broken.changed() => {}
    }
}
