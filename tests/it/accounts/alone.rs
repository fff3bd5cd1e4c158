//! [`Alone`]: user-service by itself, with an issuer that is the test's own, and parts that can be taken away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use shared::server::Stopper;
use shared::testing::TestIssuer;
use shared::{Algorithm, Jwks, Secret, Session, SystemClock};
use tempfile::TempDir;
use tests::backend::{Backend, on_servers};
use tests::caller::Caller;
use tests::proxy::Proxy;
use user_service::config::Config;

use super::People;

/// auth-service, as user-service sees it.
pub struct FakeAuth {
    pub url: String,
    pub issuer: TestIssuer,
    pub told: Arc<Told>,
    handle: ServerHandle,
}

/// What it has been told, and what it answers next; 200 where nothing is said.
#[derive(Default)]
pub struct Told {
    pub calls: Mutex<Vec<(String, Value)>>,
    pub answers: Mutex<VecDeque<u16>>,
}

impl FakeAuth {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = TestIssuer::new(Algorithm::Es256, SystemClock::shared()).unwrap().named(&url);
        let keys = Jwks { keys: vec![issuer.signer().public_key().clone()] };
        let (told, keys) = (Arc::<Told>::default(), serde_json::to_value(keys).unwrap());
        let seen = Arc::clone(&told);
        let server = HttpServer::new(move || {
            let (seen, keys) = (web::Data::from(Arc::clone(&seen)), keys.clone());
            let keys = move || {
                let keys = keys.clone();
                async move { HttpResponse::Ok().json(keys) }
            };
            App::new()
                .app_data(seen)
                .route("/.well-known/jwks.json", web::get().to(keys))
                .route("/oauth2/token", web::post().to(token))
                .route("/internal/users/{id}/end-logins", web::post().to(end_logins))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, issuer, told, handle }
    }
}

async fn token() -> HttpResponse {
    HttpResponse::Ok().json(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 60}))
}

async fn end_logins(
    told: web::Data<Told>,
    id: web::Path<String>,
    body: web::Json<Value>,
) -> HttpResponse {
    told.calls.lock().unwrap().push((id.into_inner(), body.into_inner()));
    let status = told.answers.lock().unwrap().pop_front().unwrap_or(200);
    let status = actix_web::http::StatusCode::from_u16(status).unwrap();
    HttpResponse::build(status).json(json!({"success": true, "data": null}))
}

/// A running user-service.
pub struct Alone {
    pub people: People,
    pub auth: FakeAuth,
    pub config: Config,
    /// In front of Redis and PostgreSQL, where there are any.
    pub redis: Option<Proxy>,
    pub database: Option<Proxy>,
    pub backend: Backend,
    stopper: Stopper,
    _folder: TempDir,
}

impl Alone {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(folder.path()).await;
        let auth = FakeAuth::start();
        let (mut database_url, mut cache_url) =
            (backend.databases.user.clone(), backend.cache_url.clone());
        let (mut database, mut redis) = (None, None);
        if on_servers() {
            let (url, proxy) = crate::outages::by_proxy(&database_url).await;
            (database_url, database) = (url, Some(proxy));
            let (url, proxy) = crate::outages::by_proxy(&cache_url).await;
            (cache_url, redis) = (url, Some(proxy));
        }
        let mut config = Config::embedded(&database_url, &auth.url).unwrap();
        config.cache_url = cache_url;
        config.mailbox_folder = Some(folder.path().join("mailbox"));
        config.auth_url = Some(auth.url.parse().unwrap());
        config.client_secret = Some(Secret::new("s"));
        config.code_pause_s = 0;
        change(&mut config);
        let (stopper, people) = serve(&config, &auth).await;
        Self { people, auth, config, redis, database, backend, stopper, _folder: folder }
    }

    /// Stops it, and starts it again on what it has left behind.
    pub async fn restart(&mut self) {
        self.stopper.stop().await;
        (self.stopper, self.people) = serve(&self.config, &self.auth).await;
    }

    /// Another one beside it, on the same database.
    pub async fn replica(&self) -> (Stopper, People) {
        serve(&self.config, &self.auth).await
    }

    /// The owner of this account, in this login.
    pub fn owner(&self, account: &Value, sid: &str) -> Caller {
        self.caller(account, ("account:self", Some(sid)))
    }

    /// The same on his behalf, for who may do this.
    pub fn owner_with(&self, account: &Value, scope: &str) -> Caller {
        self.caller(account, (scope, None))
    }

    fn caller(&self, account: &Value, (scope, sid): (&str, Option<&str>)) -> Caller {
        let session = Session::parse(&super::session_of(account)).unwrap();
        let issuer = &self.auth.issuer;
        let mut claims = issuer.claims("user-service", scope.parse().unwrap(), Some(session));
        claims.sid = sid.map(str::to_owned);
        Caller::new(Some(issuer.sign(&claims).unwrap().expose().to_owned()))
    }

    pub async fn stop(self) {
        self.stopper.stop().await;
        self.auth.handle.stop(false).await;
        self.backend.drop_databases().await;
    }
}

async fn serve(config: &Config, auth: &FakeAuth) -> (Stopper, People) {
    let server = user_service::startup::bind(config).await.unwrap();
    let (stopper, url) = (server.stopper(), format!("http://{}", server.address()));
    tokio::spawn(server.run());
    let scope = "user:internal user:import user:read".parse().unwrap();
    let claims = auth.issuer.claims("user-service", scope, None);
    let internal = Caller::new(Some(auth.issuer.sign(&claims).unwrap().expose().to_owned()));
    (stopper, People::new(&url, internal))
}
