//! What a call costs with a token from a warm cache, against plain reqwest with a header that never changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer, web};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::{Deserialize, Serialize};
use shared::SystemClock;
use shared::client::http::{HttpClient, Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::TokenRequest;
use shared::client::{ServiceClient, SessionClient, Target};
use tokio::runtime::Runtime;

use super::source::{AUDIENCE, SCOPE, Source, session};
use crate::harness::{Failure, Settings};
use crate::load::Cost;
use crate::process::{READY, Running, own_cpu_seconds};

/// Calls of a round, for each client.
const CALLS: usize = 2_000;
/// Of these under way at once when the client is busy: it never waits for the server alone.
const TOGETHER: usize = 16;

#[derive(Serialize, Deserialize)]
struct Envelope {
    data: Order,
}

#[derive(Serialize, Deserialize)]
struct Order {
    id: u64,
    state: String,
    amount: u64,
    currency: String,
}

async fn show_order() -> web::Json<Envelope> {
    let (state, currency) = ("PAID".to_owned(), "KRW".to_owned());
    web::Json(Envelope { data: Order { id: 4711, state, amount: 129_000, currency } })
}

/// The service that is called. It does not look at the token.
pub async fn serve(port: u16) -> Result<(), Failure> {
    let app = || App::new().route("/order", web::get().to(show_order));
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run();
    println!("{READY}");
    Ok(server.await?)
}

/// One round: each of both busy, and with one call after the other.
pub struct Round {
    pub busy: Pair,
    pub alone: Pair,
}

/// What both cost.
#[derive(Clone, Copy)]
pub struct Pair {
    pub plain: Cost,
    pub client: Cost,
}

/// All rounds, and how many tokens were fetched in them.
pub struct Calls {
    pub rounds: Vec<Round>,
    pub token_calls: u64,
}

pub fn measure(settings: &Settings) -> Result<Calls, Failure> {
    let bench = Bench::start()?;
    bench.round(false)?;
    bench.round(true)?;
    let (fetched, started, mut rounds) = (bench.source.calls(), Instant::now(), Vec::new());
    while settings.goes_on(started, rounds.len()) {
        // By turns, so that neither is always the one that comes after a pause.
        rounds.push(bench.round(rounds.len() % 2 == 0)?);
    }
    Ok(Calls { rounds, token_calls: bench.source.calls() - fetched })
}

struct Bench {
    runtime: Runtime,
    source: Arc<Source>,
    client: SessionClient,
    plain: HttpClient,
    url: String,
    header: HeaderValue,
    _server: Running,
}

impl Bench {
    fn start() -> Result<Self, Failure> {
        let server = Running::start("called", &[])?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let source = Arc::new(Source::default());
        let tokens = TokenCache::new(source.clone(), SystemClock::shared());
        let request = TokenRequest::new(AUDIENCE, SCOPE.parse()?, Some(session(0)?));
        let header = runtime.block_on(tokens.authorization(&request, Duration::MAX))?;
        let target = Target::new(server.url("").parse()?, AUDIENCE, SCOPE.parse()?);
        let client = ServiceClient::new(http_client(Timeouts::default())?, tokens, target);
        Ok(Self {
            runtime,
            source,
            client: client.with_session(&session(0)?),
            plain: http_client(Timeouts::default())?,
            url: server.url("/order"),
            header,
            _server: server,
        })
    }

    fn round(&self, plain_first: bool) -> Result<Round, Failure> {
        let (busy, alone) = (self.pair(plain_first, TOGETHER)?, self.pair(plain_first, 1)?);
        Ok(Round { busy, alone })
    }

    fn pair(&self, plain_first: bool, together: usize) -> Result<Pair, Failure> {
        if plain_first {
            let plain = self.plain(together)?;
            return Ok(Pair { plain, client: self.client(together)? });
        }
        let client = self.client(together)?;
        Ok(Pair { client, plain: self.plain(together)? })
    }

    fn plain(&self, together: usize) -> Result<Cost, Failure> {
        let (http, url, header) = (self.plain.clone(), self.url.clone(), self.header.clone());
        self.cost(together, move || {
            let call = http.get(&url).header(AUTHORIZATION, header.clone());
            async move {
                let answer = call.send().await?.error_for_status()?;
                answer.json::<Envelope>().await.map(|envelope| envelope.data.id)
            }
        })
    }

    fn client(&self, together: usize) -> Result<Cost, Failure> {
        let client = self.client.clone();
        self.cost(together, move || {
            let call = client.get("/order");
            async move { call.fetch::<Order>().await.map(|order| order.id) }
        })
    }

    fn cost<C, A, E>(&self, together: usize, call: C) -> Result<Cost, Failure>
    where
        C: Fn() -> A + Clone + Send + 'static,
        A: Future<Output = Result<u64, E>> + Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        let each = CALLS / together;
        let (cpu, started) = (own_cpu_seconds()?, Instant::now());
        self.runtime.block_on(async {
            let start = |_| tokio::spawn(call_often(each, call.clone()));
            let callers: Vec<_> = (0..together).map(start).collect();
            for caller in callers {
                caller.await??;
            }
            Ok::<_, Failure>(())
        })?;
        let took = started.elapsed().as_secs_f64();
        let calls = (each * together) as f64;
        Ok(Cost { cpu_us: (own_cpu_seconds()? - cpu) * 1e6 / calls, per_second: calls / took })
    }
}

async fn call_often<A, E>(times: usize, call: impl Fn() -> A) -> Result<(), E>
where
    A: Future<Output = Result<u64, E>>,
{
    for _ in 0..times {
        call().await?;
    }
    Ok(())
}
