//! [`BoundServer`]: a server that listens, until it is told to stop.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use futures_util::future::BoxFuture;
use tracing::info;

use crate::health::Readiness;
use crate::server::{Signals, Stopping, Termination};

/// After SIGTERM requests are still taken for this long while `/readyz` says no: whoever sends them has to notice.
const DRAIN: Duration = Duration::from_secs(3);

/// What is done once when the server has stopped.
pub(super) type Last = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// A server that listens; requests wait until it is [run](BoundServer::run).
pub struct BoundServer {
    pub(super) address: SocketAddr,
    pub(super) management_address: SocketAddr,
    pub(super) server: Server,
    pub(super) management: Server,
    pub(super) readiness: Readiness,
    pub(super) stopping: Stopping,
    pub(super) last: Vec<Last>,
}

impl BoundServer {
    /// Where the routes are.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the health is.
    #[must_use]
    pub fn management_address(&self) -> SocketAddr {
        self.management_address
    }

    /// The same server, which does this when it has stopped and no request is under way any more; for example writes
    /// down what is still in memory.
    #[must_use]
    pub fn finally<F>(mut self, last: F) -> Self
    where
        F: FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    {
        self.last.push(Box::new(last));
        self
    }

    /// A handle with which the running server can be stopped.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper {
            server: self.server.handle(),
            management: self.management.handle(),
            stopping: self.stopping.clone(),
        }
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// What the system says when a listener fails.
    pub async fn run(self) -> io::Result<()> {
        let (address, health) = (self.address, self.management_address);
        info!(%address, %health, "listening on {address}, health on {health}");
        let served = tokio::try_join!(self.server, self.management).map(|_| ());
        for last in self.last {
            last().await;
        }
        served
    }

    /// Serves until a signal. SIGTERM: `/readyz` says no for 3 seconds, then no new requests are taken and the running
    /// ones are finished. SIGINT (Ctrl-C): the same without the 3 seconds. A second signal stops at once.
    ///
    /// # Errors
    /// As [`BoundServer::run`].
    pub async fn run_until_signal(self) -> io::Result<()> {
        self.run_until(Signals::listen()).await
    }

    /// The same, with signals that are listened for already: one that has come in the meantime counts.
    pub(crate) async fn run_until(self, mut signals: Signals) -> io::Result<()> {
        let (stopper, readiness) = (self.stopper(), self.readiness.clone());
        let stopping = tokio::spawn(async move {
            let drains = signals.next().await == Termination::Orderly;
            readiness.stop();
            info!(drains, "stopping");
            tokio::select! {
                () = stopper.stop_after(if drains { DRAIN } else { Duration::ZERO }) => {}
                _ = signals.next() => stopper.stop_now().await,
            }
        });
        let result = self.run().await;
        stopping.abort();
        result
    }
}

impl std::fmt::Debug for BoundServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "BoundServer({})", self.address)
    }
}

/// Stops a running server.
#[derive(Clone)]
pub struct Stopper {
    server: ServerHandle,
    management: ServerHandle,
    stopping: Stopping,
}

impl Stopper {
    /// Takes no new requests, finishes the running ones, then stops.
    pub async fn stop(&self) {
        self.stopping.begin();
        self.server.stop(true).await;
        self.management.stop(false).await;
    }

    async fn stop_after(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
        self.stop().await;
    }

    async fn stop_now(&self) {
        self.server.stop(false).await;
        self.management.stop(false).await;
    }
}

impl std::fmt::Debug for Stopper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Stopper")
    }
}
