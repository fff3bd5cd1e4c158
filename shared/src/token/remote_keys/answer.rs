//! Asks the issuer, and reads what it says about how long its answer may be kept.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::client::http::{capped_body, describe};
use crate::token::remote_keys::held::{Held, Published};

/// How long a set is kept when the issuer does not say.
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// How long a fetch may take, from connecting to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that we read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What the issuer publishes now.
pub(super) struct Answer {
    pub(super) published: Arc<Published>,
    pub(super) not_modified: bool,
    pub(super) etag: Option<HeaderValue>,
    pub(super) lifetime: Duration,
}

/// Asks the issuer; what is `held` need not be sent again (RFC 9110 section 13.1.2).
pub(super) async fn fetch(
    http: &reqwest::Client,
    url: &Url,
    held: Option<&Held>,
) -> Result<Answer, String> {
    let mut request = http.get(url.clone()).timeout(FETCH_TIMEOUT);
    let known = held.and_then(|held| Some((held, held.etag.as_ref()?)));
    if let Some((_, etag)) = known {
        request = request.header(IF_NONE_MATCH, etag);
    }
    let response = request.send().await.map_err(|error| describe(&error.without_url()))?;
    if !is_same_place(response.url(), url) {
        return Err("the answer comes from elsewhere".to_owned());
    }
    match (response.status(), known) {
        (StatusCode::NOT_MODIFIED, Some((held, etag))) => Ok(unchanged(&response, held, etag)),
        (StatusCode::OK, _) => read(response).await,
        (status, _) => Err(format!("the issuer answered {status}")),
    }
}

/// The client takes user and password out of the URL.
fn is_same_place(one: &Url, other: &Url) -> bool {
    let place = |url: &Url| (url.path().to_owned(), url.query().map(str::to_owned));
    one.origin() == other.origin() && place(one) == place(other)
}

/// What a 304 does not say stays as it was (RFC 9111 section 4.3.4).
fn unchanged(response: &Response, held: &Held, etag: &HeaderValue) -> Answer {
    let headers = response.headers();
    Answer {
        published: Arc::clone(&held.published),
        not_modified: true,
        etag: Some(headers.get(ETAG).unwrap_or(etag).clone()),
        lifetime: lifetime(headers).unwrap_or(held.lifetime),
    }
}

async fn read(response: Response) -> Result<Answer, String> {
    let etag = response.headers().get(ETAG).cloned();
    let lifetime = lifetime(response.headers()).unwrap_or(DEFAULT_LIFETIME);
    let body = capped_body(response, MAX_ANSWER_BYTES).await.map_err(|error| error.to_string())?;
    let published = Published::parse(&body).map_err(|error| error.to_string())?;
    Ok(Answer { published: Arc::new(published), not_modified: false, etag, lifetime })
}

/// `max-age` less `Age` (RFC 9111 sections 5.2.2 and 5.1); none when the issuer does not say.
fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let mut max_age = None;
    for directive in lines.flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(Duration::ZERO),
            "max-age" if max_age.is_none() => max_age = Some(seconds(value)),
            _ => {}
        }
    }
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).map_or(Duration::ZERO, seconds);
    Some(max_age?.saturating_sub(age))
}

/// What is no number counts as 0, and one that is too large as 2^31 (RFC 9111 sections 4.2.1 and 1.2.2).
fn seconds(text: &str) -> Duration {
    let text = text.trim().trim_matches('"');
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Duration::ZERO;
    }
    Duration::from_secs(text.parse::<u32>().map_or(1 << 31, u64::from))
}
