//! `orders`: orders placed and read a second, through order-service over HTTP on PostgreSQL, against the same rows written
//! and read by `pgbench` on the same server; and whether a page far into a list costs more than the first. Nothing is
//! pinned: each has both cores, with all that it needs.

mod rows;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::future::try_join_all;
use order_service::config::Config;
use order_service::startup::bind;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::connection::Connection;
use crate::harness::{Failure, Settings, median, quantile, rounded};
use crate::issuer::{ISSUER, PublishedIssuer};
use crate::pgbench::Pgbench;
use crate::process::{Killed, READY, free_ports, start_unpinned};
use crate::servers::Servers;
use rows::{COMPANY, PAGE, far_cursor};

/// Connections with one request under way each.
const CONNECTIONS: usize = 64;
/// How long a round takes, for each side.
const ROUND: Duration = Duration::from_secs(2);
/// Pages that are looked at, for each place in the list.
const PAGES: usize = 200;

/// What the process is told.
#[derive(Args)]
pub struct Server {
    port: u16,
    database_url: String,
    jwks_url: String,
}

/// Serves until it is killed.
pub async fn serve(server: &Server) -> Result<(), Failure> {
    let config = Config {
        listen: format!("127.0.0.1:{}", server.port),
        management_listen: format!("127.0.0.1:{}", server.port + 1),
        workers: NonZeroUsize::MIN.saturating_add(1),
        jwks_url: server.jwks_url.clone(),
        log: "error".to_owned().try_into()?,
        ..Config::embedded(&server.database_url, ISSUER)?
    };
    shared::telemetry::start(&config.log);
    let bound = bind(&config).await?;
    println!("{READY}");
    Ok(bound.run().await?)
}

/// What one round has come to: how often a second, and p99 in milliseconds.
#[derive(Clone, Copy)]
struct Speed {
    per_second: f64,
    p99_ms: f64,
}

struct Round {
    place: Speed,
    place_pgbench: f64,
    place_keyed: Speed,
    read: Speed,
    read_pgbench: f64,
}

struct Bench {
    runtime: Runtime,
    port: u16,
    token: String,
    ids: Vec<String>,
    inserting: Pgbench,
    selecting: Pgbench,
    _order: Killed,
    _servers: Servers,
}

pub fn run(settings: &Settings) -> Result<(), Failure> {
    let bench = Bench::start()?;
    bench.round()?;
    let (started, mut rounds) = (Instant::now(), Vec::new());
    while settings.goes_on(started, rounds.len()) {
        rounds.push(bench.round()?);
    }
    let pages = [bench.page_p99_ms("")?, bench.page_p99_ms(&far_cursor())?];
    print(settings, &rounds, pages);
    Ok(())
}

impl Bench {
    fn start() -> Result<Self, Failure> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build()?;
        let (servers, issuer) = (Servers::start()?, PublishedIssuer::start()?);
        let database_url = runtime.block_on(servers.create_durable_database("orders"))?;
        let port = free_ports(2)?;
        let arguments = ["server", "orders", &port.to_string(), &database_url, issuer.jwks_url()];
        let (order, _) = start_unpinned(&arguments)?;
        let session = json!({"companyId": COMPANY, "userId": 200}).to_string();
        let token = issuer.token(("order-service", "order:read order:write"), &session)?;
        runtime.block_on(rows::fill(&database_url))?;
        let ids = (1..=1_000).map(rows::id).collect();
        let (inserting, selecting) = runtime.block_on(rows::pgbench(&database_url))?;
        Ok(Self {
            runtime,
            port,
            token,
            ids,
            inserting,
            selecting,
            _order: order,
            _servers: servers,
        })
    }

    fn round(&self) -> Result<Round, Failure> {
        Ok(Round {
            place_pgbench: self.inserting.per_second(ROUND)?,
            place: self.speed(|_| self.place(""))?,
            place_keyed: self.speed(|_| {
                self.place(&format!("Idempotency-Key: {:016x}\r\n", fastrand::u64(..)))
            })?,
            read_pgbench: self.selecting.per_second(ROUND)?,
            read: self
                .speed(|number| self.get(&format!("/{}", self.ids[number % self.ids.len()])))?,
        })
    }

    fn place(&self, header: &str) -> String {
        let body = json!({"items": [{"productId": rows::PRODUCT, "quantity": 3}]}).to_string();
        let (token, length) = (&self.token, body.len());
        format!(
            "POST /api/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{header}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    fn get(&self, rest: &str) -> String {
        let token = &self.token;
        format!(
            "GET /api/orders{rest} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
    }

    /// Sends for so long, over all connections.
    fn speed(&self, request: impl Fn(usize) -> String) -> Result<Speed, Failure> {
        let until = Instant::now() + ROUND;
        let connections =
            (0..CONNECTIONS).map(|number| send_until(self.port, (&request, number * 997), until));
        let waited = self.runtime.block_on(try_join_all(connections))?.concat();
        let per_second = waited.len() as f64 / ROUND.as_secs_f64();
        Ok(Speed { per_second, p99_ms: quantile(waited, 0.99) })
    }

    fn page_p99_ms(&self, cursor: &str) -> Result<f64, Failure> {
        let request = self.get(&format!("?limit={PAGE}{cursor}"));
        self.runtime.block_on(async {
            let (mut connection, mut waited) = (Connection::open(self.port).await?, Vec::new());
            for _ in 0..PAGES {
                let began = Instant::now();
                connection.exchange(&request).await?;
                waited.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            Ok(quantile(waited, 0.99))
        })
    }
}

async fn send_until(
    port: u16,
    (request, first): (&impl Fn(usize) -> String, usize),
    until: Instant,
) -> Result<Vec<f64>, Failure> {
    let (mut connection, mut waited) = (Connection::open(port).await?, Vec::new());
    for number in first.. {
        let request = request(number);
        let began = Instant::now();
        if began >= until {
            break;
        }
        connection.exchange(&request).await?;
        waited.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(waited)
}

fn print(settings: &Settings, rounds: &[Round], [first_ms, far_ms]: [f64; 2]) {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let figures = [
        ("place_ratio", of(|round| round.place.per_second / round.place_pgbench)),
        ("read_ratio", of(|round| round.read.per_second / round.read_pgbench)),
        ("place_keyed_ratio", of(|round| round.place_keyed.per_second / round.place_pgbench)),
        ("place_per_s", of(|round| round.place.per_second)),
        ("place_p99_ms", of(|round| round.place.p99_ms)),
        ("place_pgbench_per_s", of(|round| round.place_pgbench)),
        ("place_keyed_per_s", of(|round| round.place_keyed.per_second)),
        ("read_per_s", of(|round| round.read.per_second)),
        ("read_p99_ms", of(|round| round.read.p99_ms)),
        ("read_pgbench_per_s", of(|round| round.read_pgbench)),
        ("page_1_p99_ms", first_ms),
        ("page_10000_p99_ms", far_ms),
    ];
    if settings.json() {
        let object = figures.into_iter().map(|(name, value)| (name.to_owned(), rounded(value)));
        println!("{}", serde_json::Value::Object(object.collect()));
        return;
    }
    println!("orders on PostgreSQL, {CONNECTIONS} under way (medians of {} rounds)", rounds.len());
    for (name, value) in figures {
        println!("{name:<24} {value:>12.2}");
    }
}
