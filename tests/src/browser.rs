//! [`Browser`]: keeps cookies, sends them where they belong, and follows a redirect only when the test says so.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::SET_COOKIE;
use serde_json::Value;
use url::Url;

use crate::caller::{Answer, Caller, send};

/// A cookie, as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub value: String,
    /// All that stands after the value, as it was sent.
    pub attributes: String,
}

impl Kept {
    fn path(&self) -> &str {
        let paths = self.attributes.split("; ").filter_map(|own| own.strip_prefix("Path="));
        paths.last().unwrap_or("/")
    }

    fn goes_to(&self, path: &str) -> bool {
        let own = self.path();
        path == own
            || path
                .strip_prefix(own)
                .is_some_and(|rest| own.ends_with('/') || rest.starts_with('/'))
    }
}

/// Somebody's browser. Its clones are the same browser, with copies of its cookies.
#[derive(Clone)]
pub struct Browser {
    caller: Caller,
    /// The server whose cookies it keeps.
    root: String,
    pub cookies: BTreeMap<String, Kept>,
}

impl Browser {
    /// Before this server.
    pub fn new(root: &str) -> Self {
        Self { caller: Caller::new(None), root: root.to_owned(), cookies: BTreeMap::new() }
    }

    /// The same with the address of another replica: what was set at one goes to the other.
    pub fn at(&self, root: &str) -> Self {
        Self { root: root.to_owned(), ..self.clone() }
    }

    /// Opens a page of the server.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// What a page of the server sends.
    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.caller.request(method, &format!("{}{path}", self.root));
        let bare = path.split('?').next().unwrap_or_default();
        let sent = self.cookies.iter().filter(|(_, kept)| kept.goes_to(bare));
        let sent: Vec<_> = sent.map(|(name, kept)| format!("{name}={}", kept.value)).collect();
        let request =
            if sent.is_empty() { request } else { request.header("Cookie", sent.join("; ")) };
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = send(request).await;
        self.keep(&answer);
        answer
    }

    /// Takes in the cookies of an answer.
    pub fn keep(&mut self, answer: &Answer) {
        for set in answer.headers.get_all(SET_COOKIE) {
            let set = set.to_str().unwrap();
            let (cookie, attributes) = set.split_once("; ").unwrap_or((set, ""));
            let (name, value) = cookie.split_once('=').unwrap();
            if attributes.split("; ").any(|own| own == "Max-Age=0") {
                self.cookies.remove(name);
            } else {
                let (value, attributes) = (value.to_owned(), attributes.to_owned());
                self.cookies.insert(name.to_owned(), Kept { value, attributes });
            }
        }
    }

    /// Asks to be let in by a provider; gives the address there.
    pub async fn leave_for(&mut self, provider: &str) -> Url {
        let answer = self.get(&format!("/oauth2/authorization/{provider}")).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        answer.header("location").parse().unwrap()
    }

    /// Opens the address at the provider, where somebody says yes; gives where he is sent back to, without the host.
    pub async fn at_provider(&self, url: &Url) -> String {
        let answer = self.caller.get(url.as_str()).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        let back: Url = answer.header("location").parse().unwrap();
        format!("{}?{}", back.path(), back.query().unwrap())
    }

    /// There and back.
    pub async fn come_by(&mut self, provider: &str) -> Answer {
        let url = self.leave_for(provider).await;
        let back = self.at_provider(&url).await;
        self.get(&back).await
    }

    /// An access token, for who is logged in here.
    pub async fn access_token(&mut self) -> String {
        let answer = self.post("/api/v2/auth/refresh", &Value::Null).await;
        let token = answer.body["data"]["accessToken"].as_str();
        token.unwrap_or_else(|| panic!("a token: {}", answer.text)).to_owned()
    }
}
