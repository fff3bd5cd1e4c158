//! [`Caller`]: what a test may say to a service, and what it hears.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use shared::client::http::{Timeouts, http_client, http_client_with_tls};
use shared::tls::ClientTls;

use crate::known_secrets;

/// Somebody who calls services, with or without a token.
#[derive(Clone)]
pub struct Caller {
    http: Client,
    token: Option<String>,
}

/// What a service has answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body, if it is JSON; otherwise null.
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// Status and error code, `""` for a success.
    pub fn verdict(&self) -> (u16, &str) {
        (self.status, self.body["errorCode"].as_str().unwrap_or_default())
    }

    /// Status and error of an OAuth endpoint (RFC 6749 section 5.2), `""` for a success.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_default())
    }

    /// The token in an answer of the token endpoint.
    pub fn access_token(&self) -> &str {
        self.body["access_token"].as_str().unwrap_or_else(|| panic!("a token: {}", self.text))
    }

    /// A header, `""` where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Caller {
    pub fn new(token: Option<String>) -> Self {
        Self { http: http_client(Timeouts::default()).expect("an HTTP client"), token }
    }

    /// Without a token, over TLS.
    pub fn over_tls(tls: &ClientTls) -> Self {
        let http = http_client_with_tls(Timeouts::default(), tls);
        Self { http: http.expect("an HTTP client"), token: None }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The token that the caller carries.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// A request that can still be changed.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, url: &str) -> Answer {
        send(self.request(Method::GET, url)).await
    }

    pub async fn delete(&self, url: &str) -> Answer {
        send(self.request(Method::DELETE, url)).await
    }

    pub async fn post_json(&self, url: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, url).json(body)).await
    }

    pub async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        send(self.request(Method::POST, url).form(form)).await
    }

    /// Places an order of one product, under this `Idempotency-Key`.
    pub async fn place_order(&self, orders: &str, key: &str, item: (i64, i32)) -> Answer {
        let body = json!({"items": [{"productId": item.0, "quantity": item.1}]});
        let request = self.request(Method::POST, &format!("{orders}/api/orders"));
        send(request.header("Idempotency-Key", key).json(&body)).await
    }

    /// Pays or cancels an order (`pay`, `cancel`), under this `Idempotency-Key`.
    pub async fn change_order(&self, order_url: &str, key: &str, what: &str) -> Answer {
        let request = self.request(Method::POST, &format!("{order_url}/{what}"));
        send(request.header("Idempotency-Key", key)).await
    }

    /// Settles an order on this statement, under this `Idempotency-Key`.
    pub async fn settle_order(&self, order_url: &str, key: &str, settlement: &str) -> Answer {
        let request = self.request(Method::POST, &format!("{order_url}/settle"));
        let body = json!({ "settlementId": settlement });
        send(request.header("Idempotency-Key", key).json(&body)).await
    }

    /// Uploads a file under this `Idempotency-Key`.
    pub async fn upload(&self, files: &str, (name, key): (&str, &str), body: Vec<u8>) -> Answer {
        let request = self.request(Method::POST, &format!("{files}/api/files"));
        let request = request.query(&[("name", name)]).header("Idempotency-Key", key);
        send(request.body(body)).await
    }
}

/// Sends the request and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Answer {
    known_secrets::note_sent(&request);
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("a whole answer");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let answer = Answer { status, headers, body, text };
    known_secrets::note_answer(&answer);
    answer
}
