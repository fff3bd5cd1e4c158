//! The HTTP below the clients: one reqwest client with every timeout set, and answers of bounded size.

use std::error::Error;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Response, redirect};

use crate::clock::{Clock, SystemClock};

pub use reqwest::Client as HttpClient;

/// How long an idle connection is kept: less than our servers keep theirs (75 s), or a request would now and then go
/// into one that is just being closed.
const IDLE: Duration = Duration::from_secs(30);

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// Between two pieces of the answer.
    pub read: Duration,
    /// From the beginning to the last byte.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 2 s to connect, 10 s between two reads, 30 s in all.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            read: Duration::from_secs(10),
            total: Duration::from_secs(30),
        }
    }
}

/// A client that follows no redirect: a token must not travel to where somebody's `Location` points.
///
/// # Errors
/// When the TLS roots of the system cannot be loaded.
pub fn http_client(timeouts: Timeouts) -> Result<HttpClient, reqwest::Error> {
    http_client_trusting(timeouts, Vec::new())
}

/// The same, which trusts these certificates, too; for a server with a certificate of a cluster's own.
///
/// # Errors
/// As [`http_client`].
pub fn http_client_trusting(
    timeouts: Timeouts,
    roots: Vec<reqwest::Certificate>,
) -> Result<HttpClient, reqwest::Error> {
    bounded(timeouts).tls_certs_merge(roots).build()
}

/// The same, which trusts whom `tls` trusts and shows its certificate; both may change while the client is in use.
///
/// # Errors
/// As [`http_client`].
#[cfg(feature = "tls")]
pub fn http_client_with_tls(
    timeouts: Timeouts,
    tls: &crate::tls::ClientTls,
) -> Result<HttpClient, reqwest::Error> {
    let Some(mut config) = tls.rustls() else { return http_client(timeouts) };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    bounded(timeouts).tls_backend_preconfigured(config).build()
}

fn bounded(timeouts: Timeouts) -> reqwest::ClientBuilder {
    HttpClient::builder()
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.read)
        .timeout(timeouts.total)
        .pool_idle_timeout(IDLE)
        .redirect(redirect::Policy::none())
        .tcp_nodelay(true)
        .user_agent(concat!("baton/", env!("CARGO_PKG_VERSION")))
}

/// Why the body of an answer could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer broke off: {0}")]
    BrokenOff(String),
}

/// The body, if it is not longer than `max_bytes`.
pub(crate) async fn capped_body(
    mut response: Response,
    max_bytes: usize,
) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    let broken_off = |error: reqwest::Error| BodyError::BrokenOff(describe(&error.without_url()));
    while let Some(chunk) = response.chunk().await.map_err(broken_off)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLong(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error with its causes in one line; reqwest alone says no more than "error sending request".
pub(crate) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// How long the server wants to be left alone (RFC 9110 section 10.2.3). A date is held against the server's own
/// `Date`, so that its clock need not agree with ours.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    let now = now.unwrap_or_else(|| SystemTime::from(SystemClock::new().now()));
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use chrono::TimeDelta;
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn without_a_date_of_the_server_our_own_clock_counts() -> Result<(), Box<dyn Error>> {
        let until = SystemTime::from(SystemClock::new().now() + TimeDelta::seconds(60));
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(&httpdate::fmt_http_date(until))?);
        let wait = retry_after(&headers).map_or(0, |wait| wait.as_secs());
        assert!((55..=60).contains(&wait), "{wait}");
        headers.insert(RETRY_AFTER, HeaderValue::from_static("tomorrow"));
        assert_eq!(retry_after(&headers), None);
        Ok(())
    }
}
