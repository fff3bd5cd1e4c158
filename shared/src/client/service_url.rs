//! [`ServiceUrl`]: where a token or a client's secret may go.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Origin, Url};

/// Hosts that may be called without TLS, by name; for example those of a cluster that encrypts below. Loopback always
/// may. As a setting it is a list of host names without ports, or
/// a text in which they are separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Form")]
pub struct PlainHosts(BTreeSet<String>);

/// A list in a file, names separated by commas in a variable.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    List(Vec<String>),
    Text(String),
}

impl From<Form> for PlainHosts {
    fn from(form: Form) -> Self {
        match form {
            Form::List(hosts) => hosts.into(),
            Form::Text(text) => text.split(',').map(str::to_owned).collect::<Vec<_>>().into(),
        }
    }
}

impl PlainHosts {
    fn contains(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.0.contains(host))
    }
}

impl From<Vec<String>> for PlainHosts {
    fn from(hosts: Vec<String>) -> Self {
        Self(hosts.iter().map(|host| host.trim().to_ascii_lowercase()).collect())
    }
}

/// Why nothing secret may go to a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceUrlError {
    /// Whoever sits in between could read tokens and secrets.
    #[error("{0} is neither https nor on loopback, and its host is not declared as plain")]
    Plain(String),
    /// Neither `http` nor `https`, or no URL at all.
    #[error("not an http or https URL")]
    NotHttp,
    /// A name and password in a URL end up in logs.
    #[error("a URL must not hold a user name or password")]
    Credentials,
}

/// A URL that tokens and secrets may go to: `https`, or `http` on loopback (127.0.0.0/8, `::1`, `localhost`) or to a
/// host that has been declared plain.
///
/// ```
/// use shared::client::{PlainHosts, ServiceUrl};
///
/// assert!("https://order-service".parse::<ServiceUrl>().is_ok());
/// assert!("http://127.0.0.1:9002".parse::<ServiceUrl>().is_ok());
/// assert!("http://order-service:9002".parse::<ServiceUrl>().is_err());
/// let plain = PlainHosts::from(vec!["order-service".to_owned()]);
/// assert!(ServiceUrl::with_plain("http://order-service:9002".parse()?, &plain).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl(Url);

impl ServiceUrl {
    /// A URL with TLS or on loopback.
    ///
    /// # Errors
    /// A [`ServiceUrlError`] for any other.
    pub fn new(url: Url) -> Result<Self, ServiceUrlError> {
        Self::with_plain(url, &PlainHosts::default())
    }

    /// A URL with TLS, on loopback, or to one of these hosts.
    ///
    /// # Errors
    /// A [`ServiceUrlError`] for any other.
    pub fn with_plain(url: Url, plain: &PlainHosts) -> Result<Self, ServiceUrlError> {
        if has_credentials(&url) {
            return Err(ServiceUrlError::Credentials);
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) || plain.contains(&url) => Ok(Self(url)),
            "http" => Err(ServiceUrlError::Plain(url.origin().ascii_serialization())),
            _ => Err(ServiceUrlError::NotHttp),
        }
    }

    /// The URL itself.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.origin()
    }
}

impl FromStr for ServiceUrl {
    type Err = ServiceUrlError;

    fn from_str(text: &str) -> Result<Self, ServiceUrlError> {
        Url::parse(text).map_err(|_| ServiceUrlError::NotHttp).and_then(Self::new)
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

pub(super) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(url: &str) -> Option<ServiceUrlError> {
        url.parse::<ServiceUrl>().err()
    }

    #[test]
    fn without_tls_a_secret_leaves_this_machine_for_declared_hosts_only() {
        let fine = ["https://a", "https://a:8443/x", "http://127.0.0.1", "http://127.9.9.9:1/"];
        for url in
            fine.into_iter().chain(["http://[::1]:80", "http://localhost:9", "http://LOCALHOST"])
        {
            assert_eq!(verdict(url), None, "{url}");
        }
        let plain = ["http://a", "http://localhost.a", "http://a.localhost", "http://127.0.0.1.a"];
        for url in plain.into_iter().chain(["http://10.0.0.1", "http://[::2]", "http://0.0.0.0"]) {
            assert!(matches!(verdict(url), Some(ServiceUrlError::Plain(_))), "{url}");
        }
        for url in ["ftp://localhost", "file:///etc/passwd", "localhost", "", "data:,x"] {
            assert_eq!(verdict(url), Some(ServiceUrlError::NotHttp), "{url}");
        }
        for url in ["https://a:b@c", "http://a@localhost", "https://:b@c"] {
            assert_eq!(verdict(url), Some(ServiceUrlError::Credentials), "{url}");
        }
    }

    #[test]
    fn a_host_is_declared_by_its_name_alone() -> Result<(), url::ParseError> {
        let plain = PlainHosts::from(vec!["Orders".to_owned(), "10.0.0.1".to_owned()]);
        let permitted =
            |url: &str| Url::parse(url).map(|url| ServiceUrl::with_plain(url, &plain).is_ok());
        for url in ["http://orders:9002", "http://ORDERS", "http://10.0.0.1:1"] {
            assert!(permitted(url)?, "{url}");
        }
        for url in ["http://orders.evil", "http://xorders", "http://10.0.0.2", "http://a:b@orders"]
        {
            assert!(!permitted(url)?, "{url}");
        }
        Ok(())
    }

    #[test]
    fn plain_hosts_are_a_list_or_a_text_with_commas() -> Result<(), serde_json::Error> {
        let list: PlainHosts = serde_json::from_str(r#"["orders","users"]"#)?;
        let text: PlainHosts = serde_json::from_str(r#""users, Orders""#)?;
        assert_eq!(list, text);
        assert!(serde_json::from_str::<PlainHosts>("7").is_err());
        Ok(())
    }
}
