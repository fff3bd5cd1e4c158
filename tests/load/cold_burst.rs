//! `cold-burst`: many callers at once, few sessions and no token yet, against a client in which each of them fetches
//! one when there is none. Clients and their connections are new in every round.

mod servers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::AUTHORIZATION;
use shared::client::http::{HttpClient, Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::{ClientCredentials, TokenRequest, TokenSource};
use shared::client::{ServiceClient, Target};
use shared::{AccessToken, Secret, Session, SystemClock};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::harness::{Failure, Figure, Program};
use crate::process::Running;
pub use servers::serve;
use servers::{Envelope, TOKENS};

const CALLERS: usize = 1_000;
const SESSIONS: usize = 10;
const AUDIENCE: &str = "order-service";
const SCOPE: &str = "order:read";

/// What goes from task to task.
type Sent = Box<dyn std::error::Error + Send + Sync>;

/// The program.
pub struct ColdBurst {
    runtime: Runtime,
    server: Running,
}

impl ColdBurst {
    pub fn start() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, server: Running::start("burst", &[])? })
    }

    fn source(&self, http: HttpClient) -> Result<ClientCredentials, Failure> {
        let endpoint = self.server.url(TOKENS).parse()?;
        Ok(ClientCredentials::new(http, endpoint, "load", &Secret::new("secret")))
    }

    /// Runs a round in which `call` is one caller's call, and measures from the moment at which all want to call.
    fn round<C, A>(&self, call: C) -> Result<Vec<Figure>, Failure>
    where
        C: Fn(Session) -> A,
        A: Future<Output = Result<(), Sent>> + Send + 'static,
    {
        self.runtime.block_on(async {
            let before = self.token_calls().await?;
            let (sessions, mut callers, started) = (sessions()?, JoinSet::new(), Instant::now());
            for number in 0..CALLERS {
                let called = call(sessions[number % SESSIONS].clone());
                callers.spawn(async move { called.await.map(|()| started.elapsed()) });
            }
            let mut slowest = Duration::ZERO;
            while let Some(ended) = callers.join_next().await {
                slowest = slowest.max(ended?.map_err(|error| error.to_string())?);
            }
            let token_calls = self.token_calls().await? - before;
            Ok(vec![
                ("token_calls", token_calls as f64),
                ("slowest_ms", slowest.as_secs_f64() * 1000.0),
            ])
        })
    }

    /// What the endpoint says that it has been asked.
    async fn token_calls(&self) -> Result<u64, Failure> {
        let url = self.server.url("/count");
        let answer = http_client(Timeouts::default())?.get(url).send().await?;
        Ok(answer.text().await?.parse()?)
    }
}

impl Program for ColdBurst {
    fn title(&self) -> &'static str {
        "cold-burst: 1,000 callers of 10 sessions without a token, against callers that each fetch one; a token takes 1 s"
    }

    fn warm_up(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn baseline(&self) -> Result<Vec<Figure>, Failure> {
        let http = http_client(Timeouts::default())?;
        let plain = Plain {
            source: self.source(http.clone())?,
            http,
            request: TokenRequest::new(AUDIENCE, SCOPE.parse()?, None),
            tokens: Mutex::default(),
            url: self.server.url("/order"),
        };
        let plain = Arc::new(plain);
        self.round(move |session| {
            let plain = Arc::clone(&plain);
            async move { plain.call(session).await }
        })
    }

    fn subject(&self) -> Result<Vec<Figure>, Failure> {
        let http = http_client(Timeouts::default())?;
        let source = Arc::new(self.source(http.clone())?);
        let tokens = TokenCache::new(source, SystemClock::shared());
        let target = Target::new(self.server.url("").parse()?, AUDIENCE, SCOPE.parse()?);
        let client = ServiceClient::new(http, tokens, target);
        self.round(move |session| {
            let call = client.with_session(&session).get("/order");
            async move { Ok(call.fetch::<u64>().await.map(drop)?) }
        })
    }
}

/// What one would write without us: a map, and a fetch when it has no token.
struct Plain {
    http: HttpClient,
    source: ClientCredentials,
    request: TokenRequest,
    tokens: Mutex<HashMap<String, AccessToken>>,
    url: String,
}

impl Plain {
    async fn call(&self, session: Session) -> Result<(), Sent> {
        let held = self.with_tokens(|tokens| tokens.get(session.as_json()).cloned());
        let token = match held {
            Some(token) => token,
            None => self.fetch(session).await?,
        };
        let bearer = format!("Bearer {}", token.expose());
        let answer = self.http.get(&self.url).header(AUTHORIZATION, bearer).send().await?;
        answer.error_for_status()?.json::<Envelope>().await?;
        Ok(())
    }

    async fn fetch(&self, session: Session) -> Result<AccessToken, Sent> {
        let request = self.request.for_session(Some(session.clone()));
        let token = self.source.fetch(&request).await?.token;
        let key = session.as_json().to_owned();
        self.with_tokens(|tokens| tokens.insert(key, token.clone()));
        Ok(token)
    }

    fn with_tokens<T>(&self, what: impl FnOnce(&mut HashMap<String, AccessToken>) -> T) -> T {
        what(&mut self.tokens.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn sessions() -> Result<Vec<Session>, Failure> {
    let parse = |user| Session::parse(&format!(r#"{{"companyId":100,"userId":{user}}}"#));
    Ok((1..=SESSIONS).map(parse).collect::<Result<_, _>>()?)
}
