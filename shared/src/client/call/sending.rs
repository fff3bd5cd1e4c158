//! [`Sending`]: a call under way: attempts, a fresh token, redirects.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION,
    WWW_AUTHENTICATE,
};
use reqwest::{Method, Request, Response, StatusCode};
use url::Url;

use super::challenge::says_invalid_token;
use super::error::CallError;
use super::retry::{self, MAX_ATTEMPTS, is_idempotent, is_worth_a_retry};
use crate::client::SessionClient;
use crate::client::http::{describe, retry_after};
use crate::client::outgoing::Outgoing;
use crate::client::service_url::has_credentials;
use crate::clock::Clock;

/// More than these in a row are a circle.
const MAX_REDIRECTS: usize = 3;

/// What a call is waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Token,
    Answer,
    Pause,
    Body,
}

impl Phase {
    fn words(self) -> &'static str {
        match self {
            Self::Token => "a token",
            Self::Answer => "the service",
            Self::Pause => "the next attempt",
            Self::Body => "the rest of the answer",
        }
    }
}

/// How far a call has come; it is read when the deadline has cut it off.
pub(super) struct Progress {
    deadline: Duration,
    state: Mutex<(Phase, Option<String>)>,
}

impl Progress {
    pub(super) fn new(deadline: Duration) -> Self {
        Self { deadline, state: Mutex::new((Phase::Token, None)) }
    }

    fn state(&self) -> MutexGuard<'_, (Phase, Option<String>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.state().0 = phase;
    }

    fn failed(&self, outcome: &Result<Response, CallError>) {
        self.state().1 = Some(match outcome {
            Ok(response) => format!("the service answered {}", response.status()),
            Err(error) => error.to_string(),
        });
    }

    pub(super) fn too_late(&self, client: &SessionClient) -> CallError {
        let (phase, last) = self.state().clone();
        let of_token = || client.inner.tokens.last_failure(&client.request);
        let last = match phase {
            Phase::Token => last.or_else(|| of_token().map(|error| error.to_string())),
            _ => last,
        };
        CallError::Deadline { after: self.deadline, waiting_for: phase.words(), last }
    }
}

pub(super) struct Sending<'a> {
    client: &'a SessionClient,
    progress: &'a Progress,
    ends_at: Duration,
    redirects: bool,
    may_retry: bool,
    /// Until it is sent for the last time. It stays here: each future that holds it makes that of the call larger.
    request: Option<Request>,
    /// One fresh token for each call and no more.
    refreshed: bool,
}

impl<'a> Sending<'a> {
    pub(super) fn new(
        client: &'a SessionClient,
        progress: &'a Progress,
        (ends_at, redirects): (Duration, bool),
        request: Request,
    ) -> Self {
        client.inner.budgets.deposit(request.url().authority());
        let may_retry = client.inner.target.retries() && is_idempotent(&request);
        let request = Some(request);
        Self { client, progress, ends_at, redirects, may_retry, request, refreshed: false }
    }

    pub(super) async fn run(&mut self) -> Result<Response, CallError> {
        let inner = &self.client.inner;
        for attempt in 0.. {
            let outcome = self.attempt().await;
            let more = self.may_retry && attempt + 1 < MAX_ATTEMPTS;
            let (Some(next), true) = (&self.request, more) else { return outcome };
            let Some(pause) = self.pause_after(&outcome, attempt) else { return outcome };
            if !inner.budgets.withdraw(next.url().authority()) {
                return outcome;
            }
            self.progress.failed(&outcome);
            self.progress.enter(Phase::Pause);
            inner.tokens.metrics().retried();
            drop(outcome);
            tokio::time::sleep(pause).await;
        }
        Err(CallError::Transport("out of attempts".to_owned()))
    }

    /// None when another attempt does not help, or not in time: then the caller gets the answer, not a deadline.
    fn pause_after(&self, outcome: &Result<Response, CallError>, attempt: u32) -> Option<Duration> {
        let asked = match outcome {
            Ok(response) if is_worth_a_retry(response.status()) => retry_after(response.headers()),
            Err(CallError::Transport(_)) => None,
            _ => return None,
        };
        let pause = retry::pause(attempt, asked);
        let left = self.ends_at.saturating_sub(self.client.inner.clock.monotonic());
        (pause < left).then_some(pause)
    }

    async fn attempt(&mut self) -> Result<Response, CallError> {
        let token = self.token().await?;
        let response = self.execute_next(&token)?.await?;
        if !self.redirects && !rejects_token(&response) {
            return Ok(response);
        }
        // In a box: what is rare must not make the future of every call larger.
        Box::pin(self.go_on(response, token)).await
    }

    /// Sends a copy of the request; the request itself if its body cannot be sent again.
    fn execute_next(
        &mut self,
        token: &HeaderValue,
    ) -> Result<impl Future<Output = Result<Response, CallError>> + use<'a>, CallError> {
        let copy = self.request.as_ref().and_then(Request::try_clone);
        let next = copy.or_else(|| self.request.take());
        let gone = || CallError::Transport("its body has been sent".to_owned());
        Ok(self.execute_with(next.ok_or_else(gone)?, token))
    }

    async fn go_on(
        &mut self,
        mut response: Response,
        mut token: HeaderValue,
    ) -> Result<Response, CallError> {
        if rejects_token(&response) && !self.refreshed {
            let another = self.client.inner.tokens.reject_header(&self.client.request, &token);
            if another && self.request.is_some() {
                self.refreshed = true;
                token = self.token().await?;
                response = self.execute_next(&token)?.await?;
            }
        }
        match &self.request {
            Some(sent) if self.redirects => self.follow(response, sent, &token).await,
            _ => Ok(response),
        }
    }

    async fn token(&self) -> Result<HeaderValue, CallError> {
        self.progress.enter(Phase::Token);
        let (inner, request) = (&self.client.inner, &self.client.request);
        // The deadline of the call ends this wait, too.
        Ok(inner.tokens.authorization(request, Duration::MAX).await?)
    }

    /// Begins at once: what is given back holds no request.
    fn execute_with(
        &self,
        mut request: Request,
        token: &HeaderValue,
    ) -> impl Future<Output = Result<Response, CallError>> + use<'a> {
        self.add_headers(request.headers_mut(), token);
        let traced = Outgoing::of(&mut request, self.client.trace_now(), &self.client.inner.clock);
        self.execute(request, Some(traced))
    }

    fn execute(
        &self,
        mut request: Request,
        traced: Option<Outgoing>,
    ) -> impl Future<Output = Result<Response, CallError>> + use<'a> {
        self.progress.enter(Phase::Answer);
        // The message of a refusal goes to our log; who wants it in another language says so.
        let language = HeaderValue::from_static("en");
        request.headers_mut().entry(ACCEPT_LANGUAGE).or_insert(language);
        let inner = &self.client.inner;
        let observed = inner.observer.as_ref().map(|observer| (observer, inner.clock.monotonic()));
        let answer = inner.http.execute(request);
        async move {
            let answer = answer.await;
            if let Some((observer, started)) = observed {
                observer.called(inner.clock.monotonic().saturating_sub(started));
            }
            if let Some(traced) = traced {
                traced.finish(&answer);
            }
            // Without the URL: its query is the caller's.
            answer.map_err(|error| CallError::Transport(describe(&error.without_url())))
        }
    }

    fn add_headers(&self, headers: &mut HeaderMap, token: &HeaderValue) {
        headers.insert(AUTHORIZATION, token.clone());
        if let Some(id) = &self.client.request_id {
            headers.insert(HeaderName::from_static("x-request-id"), id.clone());
        }
    }

    async fn follow(
        &self,
        mut response: Response,
        sent: &Request,
        token: &HeaderValue,
    ) -> Result<Response, CallError> {
        if ![Method::GET, Method::HEAD].contains(sent.method()) {
            return Ok(response);
        }
        let mut at_home = true;
        for _ in 0..MAX_REDIRECTS {
            let Some(url) = redirect(&response)? else { return Ok(response) };
            // Whoever has led us away does not lead the token back.
            at_home = at_home && url.origin() == sent.url().origin();
            response = match sent.try_clone() {
                Some(mut next) if at_home => {
                    *next.url_mut() = url;
                    self.execute_with(next, token).await?
                }
                _ => self.execute(bare(sent, url), None).await?,
            };
        }
        match redirect(&response)? {
            Some(_) => Err(CallError::Redirect("there are too many of them")),
            None => Ok(response),
        }
    }
}

/// RFC 6750 section 3.1. A 401 for another reason, and any 403, says nothing against the token.
fn rejects_token(response: &Response) -> bool {
    let mut challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
    response.status() == StatusCode::UNAUTHORIZED
        && challenges.any(|challenge| challenge.to_str().is_ok_and(says_invalid_token))
}

/// Where the answer leads, if it does.
fn redirect(response: &Response) -> Result<Option<Url>, CallError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let location = location.to_str().ok().and_then(|text| response.url().join(text).ok());
    let url = location.ok_or(CallError::Redirect("it leads to no URL"))?;
    match (response.url().scheme(), url.scheme()) {
        _ if has_credentials(&url) => Err(CallError::Redirect("it brings credentials along")),
        ("https", "http") => Err(CallError::Redirect("it leads from https to http")),
        (_, "http" | "https") => Ok(Some(url)),
        _ => Err(CallError::Redirect("it leads to no HTTP URL")),
    }
}

/// All that a stranger learns of the call is what kind of answer it wants.
fn bare(sent: &Request, url: Url) -> Request {
    let mut request = Request::new(sent.method().clone(), url);
    for name in [ACCEPT, ACCEPT_LANGUAGE] {
        if let Some(value) = sent.headers().get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use oauth2::http;
    use reqwest::ResponseBuilderExt;

    use super::*;

    fn answer(from: &str, location: &str) -> Result<Response, Box<dyn Error>> {
        let builder = http::Response::builder().status(302).url(Url::parse(from)?);
        Ok(builder.header(LOCATION, location).body("")?.into())
    }

    #[test]
    fn no_redirect_leads_from_https_to_http() -> Result<(), Box<dyn Error>> {
        for location in ["http://a/x", "HTTP://a/", "http://127.0.0.1/"] {
            let verdict = redirect(&answer("https://a/", location)?);
            assert!(matches!(verdict, Err(CallError::Redirect(_))), "{location}");
        }
        let pairs = [("https://a/", "/x"), ("https://a/", "//b"), ("http://a/", "https://a/")];
        for (from, location) in pairs {
            let url = redirect(&answer(from, location)?)?.map(|url| url.scheme().to_owned());
            assert_eq!(url.as_deref(), Some("https"), "{from} {location}");
        }
        Ok(())
    }
}
