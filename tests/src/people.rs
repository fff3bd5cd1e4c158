//! [`People`]: stands in for user-service where a test is about logins and not about passwords: it knows whom it is told to
//! know, answers at once, and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpResponse, HttpServer};
use serde_json::{Value, json};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

pub struct People {
    pub url: String,
    checks: Arc<AtomicUsize>,
    server: actix_web::dev::ServerHandle,
}

/// The address of a user.
pub fn email_of(user: i64) -> String {
    format!("user{user}@example.com")
}

impl People {
    pub fn start() -> Self {
        let checks = Arc::new(AtomicUsize::new(0));
        let counted = Data::from(Arc::clone(&checks));
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
        Self { url, checks, server: handle }
    }

    /// How many passwords it was asked to check.
    pub fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }

    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}

async fn check_password(checks: Data<AtomicUsize>, body: Json<Value>) -> HttpResponse {
    checks.fetch_add(1, Ordering::SeqCst);
    let user = body["email"].as_str().and_then(|email| {
        email.strip_prefix("user")?.strip_suffix("@example.com")?.parse::<i64>().ok()
    });
    match user.filter(|_| body["password"] == PASSWORD) {
        Some(user) => HttpResponse::Ok().json(json!({"success": true, "data": {
            "userId": user, "companyId": 100, "email": body["email"], "name": "Somebody",
            "provider": "LOCAL", "roles": [],
        }})),
        None => HttpResponse::Unauthorized().json(json!({"success": false, "errorCode": "A006"})),
    }
}
