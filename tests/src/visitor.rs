//! [`Visitor`]: a browser, as far as logins are concerned: it has one cookie, and sends it where it belongs.

use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::caller::{Answer, Caller, send};
use crate::people::{PASSWORD, email_of};

pub const REFRESH_COOKIE: &str = "__Secure-baton_refresh";

/// Somebody who signs in.
#[derive(Clone)]
pub struct Visitor {
    pub auth: String,
    /// The refresh token that the browser keeps.
    pub cookie: Option<String>,
    /// The last access token.
    pub access: String,
    pub caller: Caller,
}

/// What a browser keeps of an answer: the refresh token; none when it is taken away.
pub fn refresh_cookie(headers: &HeaderMap) -> Option<String> {
    let mut cookies = headers.get_all(SET_COOKIE).iter();
    let own = cookies.find_map(|cookie| cookie.to_str().ok()?.strip_prefix(REFRESH_COOKIE));
    let value = own?.strip_prefix('=')?.split(';').next()?;
    (!value.is_empty()).then(|| value.to_owned())
}

impl Visitor {
    pub fn new(auth: &str) -> Self {
        let caller = Caller::new(None);
        Self { auth: auth.to_owned(), cookie: None, access: String::new(), caller }
    }

    /// Somebody who has just signed in.
    pub async fn logged_in(auth: &str, user: i64) -> Self {
        let mut visitor = Self::new(auth);
        let answer = visitor.log_in(&email_of(user), PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        visitor
    }

    /// The same browser at another replica.
    pub fn at(&self, auth: &str) -> Self {
        Self { auth: auth.to_owned(), ..self.clone() }
    }

    /// A POST below `/api/v2/auth`, with the cookie.
    pub fn post(&self, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v2/auth/{path}", self.auth);
        let request = self.caller.request(Method::POST, &url);
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, format!("{REFRESH_COOKIE}={cookie}")),
            None => request,
        }
    }

    fn keep(&mut self, answer: &Answer) {
        if answer.headers.contains_key(SET_COOKIE) {
            self.cookie = refresh_cookie(&answer.headers);
        }
        if let Some(access) = answer.body["data"]["accessToken"].as_str() {
            self.access = access.to_owned();
        }
    }

    pub async fn log_in(&mut self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        let answer = send(self.post("login").json(&body)).await;
        self.keep(&answer);
        answer
    }

    pub async fn refresh(&mut self) -> Answer {
        let answer = send(self.post("refresh")).await;
        self.keep(&answer);
        answer
    }

    /// The same without keeping what comes of it.
    pub async fn refresh_with(&self, cookie: &str) -> Answer {
        let visitor = Self { cookie: Some(cookie.to_owned()), ..self.clone() };
        send(visitor.post("refresh")).await
    }

    pub async fn log_out(&mut self) -> Answer {
        let answer = send(self.post("logout")).await;
        self.keep(&answer);
        answer
    }

    /// Somebody who calls with the access token.
    pub fn with_access(&self) -> Caller {
        self.caller.with_token(&self.access)
    }

    /// The logins of this user.
    pub async fn sessions(&self) -> Vec<Value> {
        let answer = self.with_access().get(&format!("{}/api/v2/auth/sessions", self.auth)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["data"].as_array().expect("a list").clone()
    }
}
