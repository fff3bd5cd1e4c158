//! The HTTP server in which every service runs: its routes on one port, its health on another.

mod parts;
mod tls;
mod unread;
mod waiting;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer};
use futures_util::future::BoxFuture;
use tracing::info;

use crate::edge::Edge;
use crate::health::{self, HttpMetrics, Readiness};
use crate::middleware::SessionMiddleware;
use crate::reply::input;
use crate::routes::{AuditError, Routes};
use tls::Tls;

pub use parts::{Parts, Stopping};
pub use tls::ListenerFiles;
pub(crate) use waiting::start;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long running requests get to finish at shutdown, in seconds.
const SHUTDOWN_TIMEOUT_S: u64 = 25;
/// How long an idle connection is kept: longer than our clients keep theirs, so that none of them sends a request into
/// one that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// After SIGTERM requests are still taken for this long while `/readyz` says no: whoever sends them has to notice.
const DRAIN: Duration = Duration::from_secs(3);

/// Where to listen and with how many threads.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address of the routes, for example `127.0.0.1:9002`; port 0 takes a free one.
    pub address: String,
    /// Address of `/livez`, `/readyz` and `/metrics`.
    pub management_address: String,
    /// Worker threads; each serves many connections.
    pub workers: usize,
    /// Files with which the routes are served over TLS; the health never is.
    pub tls: ListenerFiles,
}

impl Listen {
    /// Whether both addresses are such, and the files of TLS can be used; nothing is listened on.
    ///
    /// # Errors
    /// As [`Listeners::bind`], but for a port that is taken.
    pub fn check(&self) -> Result<(), BindError> {
        Tls::open(&self.tls)?;
        [&self.address, &self.management_address].into_iter().try_for_each(|address| {
            let resolved = address.to_socket_addrs();
            resolved
                .map(drop)
                .map_err(|cause| BindError::Listen { address: address.clone(), cause })
        })
    }
}

/// What is done once when the server has stopped.
type Last = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address asked for.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The listener's certificate, its key or the roots of its callers cannot be used.
    #[error("tls: {0}")]
    Tls(String),
    /// A route has no policy, or one that this server cannot hold callers to.
    #[error("routes: {0}")]
    Routes(#[from] AuditError),
    /// The metrics cannot be set up.
    #[error("cannot set up the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A service cannot start. Its text is the one line that the operator gets.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The server cannot listen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A part that the service stands on cannot be used, and waiting would not help.
    #[error("{part}: {cause}")]
    Part {
        /// Which part, for example `database`.
        part: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// A part that the service stands on is away; it may be back.
    #[error("{part}: {cause}")]
    Away {
        /// Which part, for example `database`.
        part: &'static str,
        /// What was tried, and what came of it.
        cause: String,
    },
}

/// What a database says to a service that starts: one that is away, or has not been migrated yet, may be waited for.
#[cfg(feature = "store")]
impl From<crate::db::DbError> for StartupError {
    fn from(error: crate::db::DbError) -> Self {
        match error {
            error @ crate::db::DbError::Unavailable(_) => Self::away("database")(error),
            error => Self::part("database")(error),
        }
    }
}

impl StartupError {
    /// This part cannot be used; for `map_err`.
    pub fn part<E: std::fmt::Display>(part: &'static str) -> impl Fn(E) -> Self {
        move |cause| Self::Part { part, cause: cause.to_string() }
    }

    /// This part is away, and may be back; for `map_err`.
    pub fn away<E: std::fmt::Display>(part: &'static str) -> impl Fn(E) -> Self {
        move |cause| Self::Away { part, cause: cause.to_string() }
    }

    /// Whether another attempt to start may succeed, with the same settings.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Part { part, .. } | Self::Away { part, .. } => part,
            Self::Bind(_) => "listener",
        }
    }
}

/// Ends a process: one line on standard error and exit code 1 when it failed.
#[must_use]
pub fn exit<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A server that listens; requests wait until it is [run](BoundServer::run).
pub struct BoundServer {
    address: SocketAddr,
    management_address: SocketAddr,
    server: Server,
    management: Server,
    readiness: Readiness,
    stopping: Stopping,
    last: Vec<Last>,
}

/// Both ports, taken but not served yet: their numbers are known before the service is put together.
#[derive(Debug)]
pub struct Listeners {
    listener: TcpListener,
    management_listener: TcpListener,
    /// Where the routes will be.
    pub address: SocketAddr,
    /// Where the health will be.
    pub management_address: SocketAddr,
    workers: usize,
    tls: Tls,
}

impl Listeners {
    /// Takes both ports.
    ///
    /// # Errors
    /// [`BindError::Listen`] names the address that is taken or not ours, [`BindError::Tls`] the file that cannot be used.
    pub fn bind(listen: &Listen) -> Result<Self, BindError> {
        let tls = Tls::open(&listen.tls)?;
        let (listener, address) = listener(&listen.address)?;
        let (management_listener, management_address) = self::listener(&listen.management_address)?;
        let workers = listen.workers.max(1);
        Ok(Self { listener, management_listener, address, management_address, workers, tls })
    }

    /// The same ports once more, for another attempt: whoever serves first gets the callers who wait.
    pub(crate) fn another(&self) -> Result<Self, BindError> {
        let failed = |cause| BindError::Listen { address: self.address.to_string(), cause };
        Ok(Self {
            listener: self.listener.try_clone().map_err(failed)?,
            management_listener: self.management_listener.try_clone().map_err(failed)?,
            tls: self.tls.clone(),
            ..*self
        })
    }

    /// Puts the server together. `routes` makes the service's own routes, once for each worker.
    ///
    /// # Errors
    /// A [`BindError`] when a listener cannot be used after all, or a route has no policy.
    pub fn serve<F>(self, parts: Parts, routes: F) -> Result<BoundServer, BindError>
    where
        F: Fn() -> Routes + Clone + Send + 'static,
    {
        parts.audit(&routes())?;
        let Self { address, management_address, .. } = self;
        let failed = |address: SocketAddr| {
            move |cause| BindError::Listen { address: address.to_string(), cause }
        };
        parts.register()?;
        self.tls.register(parts.registry())?;
        let Parts { source, readiness, registry, stopping, tracer, .. } = parts;
        let metrics = HttpMetrics::in_registry(registry)?;
        let management = management_server(self.management_listener, &readiness, &metrics)
            .map_err(failed(management_address))?;
        let edge = Edge::new(metrics).of(&readiness).traced_by(tracer.clone());
        let server = HttpServer::new(move || {
            App::new()
                .wrap(SessionMiddleware::maybe(source.clone()))
                .wrap(edge.clone())
                .configure(input::configure)
                .configure(|app| routes().configure(app))
        });
        let server = server
            .workers(self.workers)
            .tcp_nodelay(true)
            .on_connect(|connection, _| unread::limit(connection))
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
            .disable_signals();
        let server = tls::listen!(server, self.listener, self.tls);
        let server = server.map_err(failed(address))?.run();
        let last: Vec<Last> = vec![Box::new(move || Box::pin(async move { tracer.flush().await }))];
        Ok(BoundServer {
            address,
            management_address,
            server,
            management,
            readiness,
            stopping,
            last,
        })
    }
}

/// Takes both ports and puts the server together.
///
/// # Errors
/// As [`Listeners::bind`] and [`Listeners::serve`].
pub fn bind<F>(listen: &Listen, parts: Parts, routes: F) -> Result<BoundServer, BindError>
where
    F: Fn() -> Routes + Clone + Send + 'static,
{
    Listeners::bind(listen)?.serve(parts, routes)
}

fn listener(address: &str) -> Result<(TcpListener, SocketAddr), BindError> {
    let failed = |cause| BindError::Listen { address: address.to_owned(), cause };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn management_server(
    listener: TcpListener,
    readiness: &Readiness,
    metrics: &HttpMetrics,
) -> io::Result<Server> {
    let (readiness, metrics) = (readiness.clone(), metrics.clone());
    let server = HttpServer::new(move || {
        let (readiness, metrics) = (readiness.clone(), metrics.clone());
        App::new().configure(move |app| health::configure(app, readiness, metrics))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

/// `/livez` and `/metrics` at this address, for a process that serves nothing else, and where that is. The server is there as
/// long as what is given back is polled, in a task of its own.
///
/// # Errors
/// [`BindError::Listen`] names the address that is taken or not ours.
pub fn show_metrics(
    address: &str,
    registry: prometheus::Registry,
) -> Result<(SocketAddr, Server), BindError> {
    let (listener, bound) = listener(address)?;
    let metrics = HttpMetrics::in_registry(registry)?;
    let failed = |cause| BindError::Listen { address: address.to_owned(), cause };
    let server = management_server(listener, &Readiness::new(), &metrics).map_err(failed)?;
    Ok((bound, server))
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

/// How a process is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// SIGTERM: by whoever runs it; others may not know yet.
    Orderly,
    /// SIGINT: by a person who waits for it.
    Interactive,
}

/// SIGTERM and SIGINT, listened for from the beginning: a signal that comes before it is waited for is not lost.
pub(crate) struct Signals(Option<[tokio::signal::unix::Signal; 2]>);

impl Signals {
    pub(crate) fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let both = signal(SignalKind::terminate()).and_then(|terminate| {
            signal(SignalKind::interrupt()).map(|interrupt| [terminate, interrupt])
        });
        Self(both.ok())
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Termination {
        let Some([terminate, interrupt]) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => Termination::Orderly,
            _ = interrupt.recv() => Termination::Interactive,
        }
    }
}

/// Resolves at SIGTERM or SIGINT.
pub async fn termination() -> Termination {
    Signals::listen().next().await
}
