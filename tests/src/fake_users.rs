//! [`FakeUsers`]: a user-service that knows of accounts what auth-service asks, and nothing else.

use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::web::{Data, Json, Path, ServiceConfig, get, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::{Value, json};
use url::Url;

use crate::oauth::claims_of;

/// An account, as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: i64,
    pub email: Option<String>,
    pub name: String,
    pub provider: String,
    /// `GOOGLE:1001`.
    pub identities: Vec<String>,
    pub password: Option<String>,
}

#[derive(Default)]
struct Inner {
    accounts: Mutex<Vec<Account>>,
}

/// A user-service, listening.
pub struct FakeUsers {
    inner: Arc<Inner>,
    url: Url,
    server: ServerHandle,
}

impl FakeUsers {
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let inner = Arc::<Inner>::default();
        let data = Data::from(Arc::clone(&inner));
        let app = move || App::new().app_data(data.clone()).configure(configure);
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.shutdown_timeout(0).listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { inner, url, server: handle }
    }

    pub fn url(&self) -> Url {
        self.url.clone()
    }

    pub fn accounts(&self) -> Vec<Account> {
        self.inner.accounts.lock().unwrap().clone()
    }

    /// Gives an account a password.
    pub fn set_password(&self, id: i64, password: &str) {
        let mut accounts = self.inner.accounts.lock().unwrap();
        let account = accounts.iter_mut().find(|account| account.id == id).unwrap();
        account.password = Some(password.to_owned());
    }

    pub fn close(&self, id: i64) {
        self.inner.accounts.lock().unwrap().retain(|account| account.id != id);
    }

    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}

fn configure(app: &mut ServiceConfig) {
    app.route("/internal/social-logins", post().to(social_login))
        .route("/internal/users/{id}/identities", post().to(link))
        .route("/internal/users/{id}/password-check", post().to(check_password))
        .route("/internal/users/{id}", get().to(find));
}

fn person(account: &Account) -> Value {
    json!({"userId": account.id, "companyId": 1_000_000_000 + account.id, "email": account.email,
        "name": account.name, "provider": account.provider, "credentialsVersion": 1, "roles": []})
}

fn ok(data: Value) -> HttpResponse {
    HttpResponse::Ok().json(json!({"success": true, "data": data, "errorCode": null}))
}

fn refused(status: u16, code: &str, data: Value) -> HttpResponse {
    let body = json!({"success": false, "data": data, "errorCode": code, "statusCode": status});
    HttpResponse::build(status.try_into().unwrap()).json(body)
}

/// It takes nothing that it does not know.
fn has_only(asked: &Value, known: &[&str]) -> bool {
    asked.as_object().unwrap().keys().all(|name| known.contains(&name.as_str()))
}

/// A token for user-service, for what is its own affair.
fn is_let_in(request: &HttpRequest) -> bool {
    let bearer = request.headers().get("Authorization").and_then(|value| value.to_str().ok());
    let Some(token) = bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")) else {
        return false;
    };
    let claims = claims_of(token);
    claims["aud"] == json!(["user-service"]) && claims["scope"] == json!(["user:internal"])
}

async fn social_login(
    inner: Data<Inner>,
    request: HttpRequest,
    asked: Json<Value>,
) -> HttpResponse {
    if !is_let_in(&request) {
        return refused(401, "A002", Value::Null);
    }
    if !has_only(&asked, &["provider", "subject", "email", "name", "known_only"]) {
        return refused(400, "C002", Value::Null);
    }
    let text = |name: &str| asked[name].as_str().map(str::to_owned);
    let (provider, email) = (text("provider").unwrap(), text("email"));
    let identity = format!("{provider}:{}", text("subject").unwrap());
    let mut accounts = inner.accounts.lock().unwrap();
    if let Some(known) = accounts.iter().find(|account| account.identities.contains(&identity)) {
        return ok(json!({"created": false, "person": person(known)}));
    }
    if asked["known_only"] == json!(true) {
        return refused(404, "U002", Value::Null);
    }
    let same = accounts.iter().find(|account| email.is_some() && account.email == email);
    if let Some(other) = same {
        return refused(409, "U001", json!({"email": other.email, "provider": other.provider}));
    }
    let id = 1_000 + i64::try_from(accounts.len()).unwrap();
    let (name, identities) = (text("name").unwrap_or_default(), vec![identity]);
    accounts.push(Account { id, email, name, provider, identities, password: None });
    ok(json!({"created": true, "person": person(accounts.last().unwrap())}))
}

async fn link(
    inner: Data<Inner>,
    request: HttpRequest,
    (id, asked): (Path<i64>, Json<Value>),
) -> HttpResponse {
    if !is_let_in(&request) {
        return refused(401, "A002", Value::Null);
    }
    if !has_only(&asked, &["provider", "subject", "email"]) {
        return refused(400, "C002", Value::Null);
    }
    let provider = asked["provider"].as_str().unwrap();
    let identity = format!("{provider}:{}", asked["subject"].as_str().unwrap());
    let mut accounts = inner.accounts.lock().unwrap();
    let owner = accounts.iter().find(|account| account.identities.contains(&identity));
    if owner.is_some_and(|owner| owner.id != *id) {
        return refused(409, "U001", json!({"email": null, "provider": provider}));
    }
    let Some(account) = accounts.iter_mut().find(|account| account.id == *id) else {
        return refused(404, "U002", Value::Null);
    };
    if !account.identities.contains(&identity) {
        account.identities.push(identity);
    }
    ok(person(account))
}

async fn check_password(
    inner: Data<Inner>,
    request: HttpRequest,
    (id, asked): (Path<i64>, Json<Value>),
) -> HttpResponse {
    let accounts = inner.accounts.lock().unwrap();
    let account = accounts.iter().find(|account| account.id == *id);
    let right = account.and_then(|account| account.password.as_deref());
    match right {
        Some(right) if is_let_in(&request) && asked["password"] == json!(right) => ok(Value::Null),
        _ => refused(401, "A006", Value::Null),
    }
}

async fn find(inner: Data<Inner>, id: Path<i64>) -> HttpResponse {
    let accounts = inner.accounts.lock().unwrap();
    match accounts.iter().find(|account| account.id == *id) {
        Some(account) => ok(person(account)),
        None => refused(404, "U002", Value::Null),
    }
}
