//! [`People`]: stands in for user-service where a test is about logins and not about passwords: it knows whom it is told to
//! know, answers at once, and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpResponse, HttpServer};
use serde_json::{Value, json};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

pub struct People {
    pub url: String,
    known: Arc<Known>,
    server: actix_web::dev::ServerHandle,
}

struct Known {
    checks: AtomicUsize,
    version: AtomicI64,
    slow_ms: AtomicU64,
}

/// The address of a user.
pub fn email_of(user: i64) -> String {
    format!("user{user}@example.com")
}

impl People {
    pub fn start() -> Self {
        let (checks, version, slow_ms) = Default::default();
        let known = Arc::new(Known { checks, version, slow_ms });
        let counted = Data::from(Arc::clone(&known));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(counted.clone())
                .route("/internal/logins", web::post().to(check_password))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, known, server: handle }
    }

    /// How many passwords it was asked to check.
    pub fn checks(&self) -> usize {
        self.known.checks.load(Ordering::SeqCst)
    }

    /// Everybody has another password now; for who looked a moment ago the one before is still good.
    pub fn change_passwords(&self) -> i64 {
        self.known.version.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// It takes so much longer to answer, from when it has looked.
    pub fn slow(&self, milliseconds: u64) {
        self.known.slow_ms.store(milliseconds, Ordering::SeqCst);
    }

    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}

async fn check_password(known: Data<Known>, body: Json<Value>) -> HttpResponse {
    known.checks.fetch_add(1, Ordering::SeqCst);
    let version = known.version.load(Ordering::SeqCst);
    let slow = Duration::from_millis(known.slow_ms.load(Ordering::SeqCst));
    tokio::time::sleep(slow).await;
    let user = body["email"].as_str().and_then(|email| {
        email.strip_prefix("user")?.strip_suffix("@example.com")?.parse::<i64>().ok()
    });
    match user.filter(|_| body["password"] == PASSWORD) {
        Some(user) => HttpResponse::Ok().json(json!({"success": true, "data": {
            "userId": user, "companyId": 100, "email": body["email"], "name": "Somebody",
            "provider": "LOCAL", "roles": [], "credentialsVersion": version,
        }})),
        None => HttpResponse::Unauthorized().json(json!({"success": false, "errorCode": "A006"})),
    }
}
