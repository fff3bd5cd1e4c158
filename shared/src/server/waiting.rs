//! What a service does until the parts that it cannot start without are there: it says so, and tries again.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;
use tracing::{info, warn};

use crate::health;
use crate::reply::ApiError;
use crate::server::{BindError, BoundServer, Listen, Listeners, Signals, StartupError, tls};

/// A service that needs longer than this to start says meanwhile that it is alive.
const HASTE: Duration = Duration::from_millis(500);
/// Between two attempts to start.
const PAUSE: Duration = Duration::from_secs(1);
/// The same cause is logged again after so many attempts.
const LOG_EVERY: u32 = 30;
/// What callers are told to wait, in seconds.
const RETRY_AFTER_S: u64 = 2;

/// Takes the ports and starts the service on them, as often as it takes: as long as a part is away
/// ([`StartupError::is_away`]), `/livez` says yes, `/startupz` and `/readyz` say no, and whatever else is asked is answered
/// 503 (C008). None: it was told to stop before it had started.
///
/// # Errors
/// What cannot be put right by waiting.
pub(crate) async fn start<F, B>(
    listen: &Listen,
    bind: F,
    signals: &mut Signals,
) -> Result<Option<BoundServer>, StartupError>
where
    F: Fn(Listeners) -> B,
    B: Future<Output = Result<BoundServer, StartupError>>,
{
    let listeners = Listeners::bind(listen)?;
    let mut waiting = Waiting { room: None, missing: Missing::default(), attempts: 0 };
    tokio::select! {
        started = waiting.until_started(&listeners, bind) => started.map(Some),
        _ = signals.next() => {
            info!("told to stop before it had started");
            Ok(None)
        }
    }
}

/// The part that the service waits for.
type Missing = Arc<Mutex<Option<&'static str>>>;

struct Waiting {
    room: Option<Room>,
    missing: Missing,
    attempts: u32,
}

impl Waiting {
    async fn until_started<F, B>(
        &mut self,
        listeners: &Listeners,
        bind: F,
    ) -> Result<BoundServer, StartupError>
    where
        F: Fn(Listeners) -> B,
        B: Future<Output = Result<BoundServer, StartupError>>,
    {
        loop {
            match self.attempt(listeners, bind(listeners.another()?)).await? {
                Ok(bound) => {
                    if let Some(room) = self.room.take() {
                        room.close().await;
                    }
                    return Ok(bound);
                }
                Err(error) if error.is_away() => self.note(&error),
                Err(error) => return Err(error),
            }
            self.open(listeners)?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One attempt; when it takes long, others are told.
    async fn attempt(
        &mut self,
        listeners: &Listeners,
        bind: impl Future<Output = Result<BoundServer, StartupError>>,
    ) -> Result<Result<BoundServer, StartupError>, BindError> {
        let mut bind = std::pin::pin!(bind);
        tokio::select! {
            bound = &mut bind => return Ok(bound),
            () = tokio::time::sleep(HASTE) => self.open(listeners)?,
        }
        Ok(bind.await)
    }

    fn open(&mut self, listeners: &Listeners) -> Result<(), BindError> {
        if self.room.is_none() {
            self.room = Some(Room::open(listeners, &self.missing)?);
        }
        Ok(())
    }

    fn note(&mut self, error: &StartupError) {
        let part = error.name();
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if missing.replace(part) != Some(part) {
            self.attempts = 0;
        }
        if self.attempts.is_multiple_of(LOG_EVERY) {
            warn!(part, cause = %error, "cannot start yet: {part} is away");
        }
        self.attempts += 1;
    }
}

/// Both ports, served by somebody who only says "not yet".
struct Room {
    servers: [ServerHandle; 2],
}

impl Room {
    fn open(listeners: &Listeners, missing: &Missing) -> Result<Self, BindError> {
        let Listeners { listener, management_listener, address, tls, .. } = listeners.another()?;
        let missing = Arc::clone(missing);
        let health = HttpServer::new(move || {
            let missing = web::Data::from(Arc::clone(&missing));
            App::new()
                .app_data(missing)
                .route("/livez", web::get().to(health::live))
                .default_service(web::to(not_started))
        });
        let routes = HttpServer::new(|| App::new().default_service(web::to(not_yet)));
        let failed = |cause| BindError::Listen { address: address.to_string(), cause };
        let run = |server: io::Result<Server>| server.map_err(failed);
        let health =
            health.workers(1).shutdown_timeout(1).disable_signals().listen(management_listener);
        let routes = routes.workers(1).shutdown_timeout(1).disable_signals();
        let routes = tls::listen!(routes, listener, tls);
        let servers = [run(health.map(HttpServer::run))?, run(routes.map(HttpServer::run))?];
        let handles = [servers[0].handle(), servers[1].handle()];
        for server in servers {
            tokio::spawn(server);
        }
        Ok(Self { servers: handles })
    }

    /// What is answered already is answered to the end.
    async fn close(self) {
        for server in self.servers {
            server.stop(true).await;
        }
    }
}

async fn not_started(missing: web::Data<Mutex<Option<&'static str>>>) -> HttpResponse {
    let part = *missing.lock().unwrap_or_else(PoisonError::into_inner);
    let part = part.map_or_else(|| json!({"service": "starting"}), |part| json!({part: "away"}));
    let body = json!({"started": false, "ready": false, "parts": part});
    HttpResponse::ServiceUnavailable().json(body)
}

async fn not_yet() -> Result<HttpResponse, ApiError> {
    Err(ApiError::unavailable(RETRY_AFTER_S, "the service has not started yet"))
}
