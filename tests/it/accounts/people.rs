//! [`People`]: what people, and auth-service for them, may say to user-service.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use auth_service::domain::client::Client;
use reqwest::Method;
use serde_json::{Value, json};
use tests::caller::{Answer, Caller, send};
use tests::mailbox::Mailbox;
use tests::oauth::{OAuthClient, declared};
use tests::system::System;

pub const PASSWORD: &str = "turtles all the way down";
pub const OTHER_PASSWORD: &str = "elephants upon elephants";

/// user-service, as people and auth-service see it.
#[derive(Clone)]
pub struct People {
    pub url: String,
    pub stranger: Caller,
    /// auth-service.
    pub internal: Caller,
    pub mailbox: Mailbox,
    /// How often strangers try again when they hear 503, as on a machine that is busy they may.
    patience: u32,
}

/// Each request comes from an address of its own, as auth-service says: the limit for one caller is a topic by itself.
fn next_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).to_string()
}

impl People {
    pub fn new(url: &str, internal: Caller) -> Self {
        let (stranger, mailbox) = (Caller::new(None), Mailbox::at(url));
        Self { url: url.to_owned(), stranger, internal, mailbox, patience: 5 }
    }

    /// The same, who take the first answer.
    pub fn impatient(&self) -> Self {
        Self { patience: 0, ..self.clone() }
    }

    async fn send(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Answer {
        let mut answer = send(request()).await;
        for _ in 0..self.patience {
            if answer.status != 503 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            answer = send(request()).await;
        }
        answer
    }

    pub async fn of(system: &System) -> Self {
        let client = Client { scopes: "user:internal".parse().unwrap(), ..declared("account") };
        let client = OAuthClient::register(system, &client).await;
        let answer = client.token(&[("resource", "user-service")]).await;
        let internal = Caller::new(Some(answer.access_token().to_owned()));
        Self::new(&system.services.user.url(), internal)
    }

    pub fn path(&self, path: &str) -> String {
        format!("{}/api/v2/users{path}", self.url)
    }

    /// Somebody on the page of auth-service, which hands it on.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_from(&next_address(), (path, body)).await
    }

    pub async fn post_from(&self, address: &str, (path, body): (&str, &Value)) -> Answer {
        let request = || self.internal.request(Method::POST, &self.path(path));
        self.send(|| request().header("X-Forwarded-For", address).json(body)).await
    }

    pub async fn ask(&self, email: &str, purpose: &str) -> Answer {
        let body = json!({"email": email, "purpose": purpose});
        self.post("/email-codes", &body).await
    }

    pub async fn verify(&self, (email, purpose): (&str, &str), code: &str) -> Answer {
        let body = json!({"email": email, "purpose": purpose, "code": code});
        self.post("/email-codes/verify", &body).await
    }

    /// Asks for a code, reads it in the mail, and exchanges it. So many mails are there then.
    pub async fn token(&self, (email, purpose): (&str, &str), mails: usize) -> String {
        let asked = self.ask(email, purpose).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        let code = self.mailbox.code(mails, &email.to_lowercase()).await;
        let verified = self.verify((email, purpose), &code).await;
        assert_eq!(verified.status, 200, "{}", verified.text);
        verified.body["data"]["token"].as_str().expect("a token").to_owned()
    }

    pub async fn sign_up_with(&self, (email, password): (&str, &str), token: &str) -> Answer {
        let body = json!({"email": email, "password": password, "name": "서민", "token": token});
        self.post("", &body).await
    }

    /// The whole way, by somebody who has got no mail before; gives his account.
    pub async fn sign_up(&self, email: &str) -> Value {
        let token = self.token((email, "SIGNUP"), 1).await;
        let answer = self.sign_up_with((email, PASSWORD), &token).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["data"].clone()
    }

    pub async fn internal(&self, path: &str, body: &Value) -> Answer {
        self.internal.post_json(&format!("{}/internal{path}", self.url), body).await
    }

    pub async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.internal("/logins", &json!({"email": email, "password": password})).await
    }

    pub async fn log_in_socially(&self, (provider, subject): (&str, &str), email: Value) -> Answer {
        let body =
            json!({"provider": provider, "subject": subject, "email": email, "name": "서민"});
        self.internal("/social-logins", &body).await
    }

    pub async fn reset(&self, (email, password): (&str, &str), token: &str) -> Answer {
        let body = json!({"email": email, "password": password, "token": token});
        self.post("/password-reset", &body).await
    }

    /// Asks something of somebody's own account.
    pub async fn own(&self, owner: &Caller, (method, path): (Method, &str), body: Value) -> Answer {
        let request = owner.request(method, &self.path(&format!("/me{path}")));
        send(if body.is_null() { request } else { request.json(&body) }).await
    }
}
