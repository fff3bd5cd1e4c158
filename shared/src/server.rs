//! The HTTP server in which every service runs: its routes on one port, its health on another.

mod bound;
mod failure;
mod parts;
mod signals;
mod tls;
mod unread;
#[cfg(feature = "process")]
mod waiting;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer};

use crate::edge::Edge;
use crate::health::{self, HttpMetrics, Readiness};
use crate::middleware::SessionMiddleware;
use crate::reply::input;
use crate::routes::Routes;
use bound::Last;
use tls::Tls;

pub use bound::{BoundServer, Stopper};
pub use failure::{BindError, StartupError, exit};
pub use parts::{Parts, Stopping};
pub(crate) use signals::Signals;
pub use signals::{Termination, termination};
pub use tls::ListenerFiles;
#[cfg(feature = "process")]
pub(crate) use waiting::start;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long running requests get to finish at shutdown, in seconds.
const SHUTDOWN_TIMEOUT_S: u64 = 25;
/// How long an idle connection is kept: longer than our clients keep theirs, so that none of them sends a request into
/// one that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

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

    #[cfg(feature = "process")]
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
