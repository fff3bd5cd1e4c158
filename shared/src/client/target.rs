//! [`Target`]: a service that we call.

use url::{Origin, Url};

use crate::client::call::CallError;
use crate::client::service_url::{ServiceUrl, has_credentials};
use crate::scopes::Scopes;

/// A service that we call: where it is, what it is called in tokens, and what we want of it.
#[derive(Clone, Debug)]
pub struct Target {
    base_url: ServiceUrl,
    audience: String,
    scope: Scopes,
    also: Vec<Origin>,
    retries: bool,
}

impl Target {
    /// The service at `base_url`, for example `https://order-service`. `audience` is its name in a token's `aud`,
    /// `scope` what to ask for. Its tokens go to the origin of `base_url` and nowhere else.
    #[must_use]
    pub fn new(base_url: ServiceUrl, audience: impl Into<String>, scope: Scopes) -> Self {
        Self { base_url, audience: audience.into(), scope, also: Vec::new(), retries: true }
    }

    /// Its tokens may go to the origin (scheme, host, port) of this URL, too; the path does not count. For
    /// [`SessionClient::call_url`](crate::SessionClient::call_url).
    #[must_use]
    pub fn also(mut self, url: &ServiceUrl) -> Self {
        self.also.push(url.origin());
        self
    }

    /// No call is tried again; for those who retry around it. A 401 for the token still costs one fresh token.
    #[must_use]
    pub fn without_retries(mut self) -> Self {
        self.retries = false;
        self
    }

    /// Its root.
    #[must_use]
    pub fn base_url(&self) -> &ServiceUrl {
        &self.base_url
    }

    pub(super) fn audience(&self) -> &str {
        &self.audience
    }

    pub(super) fn scope(&self) -> &Scopes {
        &self.scope
    }

    pub(super) fn retries(&self) -> bool {
        self.retries
    }

    /// Setting the path, unlike joining, cannot lead to another host: `//evil` stays a path. A segment that goes up
    /// would lead to another route than the one that was written down; it comes from an id that is none.
    pub(super) fn url(&self, path: &str) -> Result<Url, CallError> {
        if goes_up(path) {
            return Err(CallError::Request("a path segment goes up".to_owned()));
        }
        let mut url = self.base_url.as_url().clone();
        match url.path() {
            "/" => url.set_path(path),
            root => url.set_path(&format!("{}{path}", root.trim_end_matches('/'))),
        }
        Ok(url)
    }

    /// The URL, if tokens may go there.
    pub(super) fn permitted(&self, url: Url) -> Result<Url, CallError> {
        let origin = url.origin();
        if has_credentials(&url)
            || !(origin == self.base_url.origin() || self.also.contains(&origin))
        {
            return Err(CallError::NotPermitted(origin.ascii_serialization()));
        }
        Ok(url)
    }
}

/// As a URL is read: encoded dots are dots, a backslash is a slash, and control characters are passed over.
fn goes_up(path: &str) -> bool {
    // Nearly every path: without a second look, and without a copy.
    if !path.bytes().any(|byte| matches!(byte, b'.' | b'%')) {
        return false;
    }
    let path: String = path.chars().filter(|character| !character.is_ascii_control()).collect();
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}
