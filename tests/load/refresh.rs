//! `refresh`: renewals of logins a second, through auth-service over HTTP on PostgreSQL and Redis, against the same renewal
//! as one statement that `pgbench` sends to the same server. Nothing is pinned: each has both cores, with all that it needs.

mod statement;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use auth_service::commands;
use auth_service::config::Config;
use auth_service::startup::bind;
use clap::Args;
use futures_util::future::try_join_all;
use serde_json::json;
use tempfile::TempDir;
use tests::people::People;
use tests::visitor::Visitor;
use tokio::runtime::Runtime;

use crate::connection::Connection;
use crate::harness::{Failure, Settings, median, quantile, rounded};
use crate::pgbench::Pgbench;
use crate::process::{Killed, READY, free_ports, start_unpinned};
use crate::servers::Servers;

/// Connections with one renewal under way each.
const CONNECTIONS: usize = 64;
/// Logins that each of them renews by turns.
const LOGINS_EACH: usize = 4;
/// How long a round takes, for each side.
const ROUND: Duration = Duration::from_secs(3);

/// What the process is told.
#[derive(Args)]
pub struct Server {
    port: u16,
    folder: PathBuf,
    database_url: String,
    cache_url: String,
    user_url: String,
}

/// Serves until it is killed.
pub async fn serve(server: &Server) -> Result<(), Failure> {
    let key = server.folder.join("master.key");
    commands::create_master_key_file(&key)?;
    let config = Config {
        listen: format!("127.0.0.1:{}", server.port),
        management_listen: format!("127.0.0.1:{}", server.port + 1),
        workers: NonZeroUsize::MIN.saturating_add(1),
        cache_url: server.cache_url.clone(),
        user_url: Some(server.user_url.parse()?),
        max_logins: NonZeroU32::MAX,
        log: "warn".to_owned().try_into()?,
        ..Config::embedded(&server.database_url, &key)?
    };
    shared::telemetry::start(&config.log);
    let bound = bind(&config).await?;
    println!("{READY}");
    Ok(bound.run().await?)
}

/// One login, and the request that renews it.
struct Chain {
    request: String,
}

impl Chain {
    fn new(refresh_token: &str) -> Self {
        Self { request: request(refresh_token) }
    }

    /// The next token is in the answer.
    fn follow(&mut self, answer: &[u8]) -> Result<(), Failure> {
        let head = std::str::from_utf8(answer)?;
        let cookie = head.split("__Secure-baton_refresh=").nth(1).ok_or("no cookie")?;
        self.request = request(cookie.split(';').next().unwrap_or_default());
        Ok(())
    }
}

fn request(refresh_token: &str) -> String {
    format!(
        "POST /api/v2/auth/refresh HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: __Secure-baton_refresh={refresh_token}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// One round: renewals a second, how long they took in milliseconds, and pgbench's transactions a second.
struct Round {
    per_second: f64,
    p99_ms: f64,
    pgbench_per_second: f64,
}

struct Bench {
    runtime: Runtime,
    port: u16,
    pgbench: Pgbench,
    _auth: Killed,
    _folder: TempDir,
    _servers: Servers,
}

pub fn run(settings: &Settings) -> Result<(), Failure> {
    let bench = Bench::start()?;
    let mut chains = bench.log_in()?;
    bench.renew(&mut chains, Duration::from_secs(1))?;
    let (started, mut rounds) = (Instant::now(), Vec::new());
    while settings.goes_on(started, rounds.len()) {
        let pgbench_per_second = bench.pgbench.per_second(ROUND)?;
        let waited = bench.renew(&mut chains, ROUND)?;
        let per_second = waited.len() as f64 / ROUND.as_secs_f64();
        let p99_ms = quantile(waited, 0.99);
        rounds.push(Round { per_second, p99_ms, pgbench_per_second });
    }
    print(settings, &rounds);
    Ok(())
}

impl Bench {
    fn start() -> Result<Self, Failure> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build()?;
        let (servers, folder) = (Servers::start()?, tempfile::tempdir()?);
        let database_url = runtime.block_on(servers.create_durable_database("refresh"))?;
        let people = runtime.block_on(async { People::start() });
        let port = free_ports(2)?;
        let (number, path) = (port.to_string(), folder.path().display().to_string());
        let cache_url = format!("{}/0", servers.redis);
        let (auth, _) = start_unpinned(&[
            "server",
            "refresh",
            &number,
            &path,
            &database_url,
            &cache_url,
            &people.url,
        ])?;
        let pgbench =
            runtime.block_on(statement::pgbench(&database_url, CONNECTIONS * LOGINS_EACH))?;
        Ok(Self { runtime, port, pgbench, _auth: auth, _folder: folder, _servers: servers })
    }

    /// One after the other: many at once from one address would be taken for guesses.
    fn log_in(&self) -> Result<Vec<Vec<Chain>>, Failure> {
        let auth = format!("http://127.0.0.1:{}", self.port);
        self.runtime.block_on(async {
            let mut all = Vec::new();
            for connection in 0..CONNECTIONS {
                let mut own = Vec::new();
                for login in 0..LOGINS_EACH {
                    let user = connection * LOGINS_EACH + login + 1;
                    let visitor = Visitor::logged_in(&auth, user as i64).await;
                    own.push(Chain::new(visitor.cookie.as_deref().ok_or("no cookie")?));
                }
                all.push(own);
            }
            Ok(all)
        })
    }

    /// Renews for so long; how long each took, in milliseconds.
    fn renew(&self, chains: &mut [Vec<Chain>], time: Duration) -> Result<Vec<f64>, Failure> {
        let until = Instant::now() + time;
        let connections = chains.iter_mut().map(|own| renew_until(self.port, own, until));
        Ok(self.runtime.block_on(try_join_all(connections))?.concat())
    }
}

async fn renew_until(port: u16, chains: &mut [Chain], until: Instant) -> Result<Vec<f64>, Failure> {
    let (mut connection, mut waited) = (Connection::open(port).await?, Vec::new());
    let count = chains.len();
    for turn in 0.. {
        let chain = &mut chains[turn % count];
        let began = Instant::now();
        if began >= until {
            break;
        }
        connection.exchange(&chain.request).await?;
        waited.push(began.elapsed().as_secs_f64() * 1000.0);
        chain.follow(connection.answer())?;
    }
    Ok(waited)
}

fn print(settings: &Settings, rounds: &[Round]) {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let ratio = of(|round| round.per_second / round.pgbench_per_second);
    let (per_second, pgbench) =
        (of(|round| round.per_second), of(|round| round.pgbench_per_second));
    let p99_ms = of(|round| round.p99_ms);
    if settings.json() {
        let figures = json!({
            "pgbench_ratio": rounded(ratio),
            "p99_ms": rounded(p99_ms),
            "per_s": rounded(per_second),
            "pgbench_per_s": rounded(pgbench),
        });
        println!("{figures}");
        return;
    }
    println!("refresh (medians of {} rounds)", rounds.len());
    println!("pgbench, the statement alone      {pgbench:>10.0} /s");
    println!("auth-service, PostgreSQL + Redis  {per_second:>10.0} /s   ratio {ratio:.2}");
    println!("p99 with {CONNECTIONS} under way               {p99_ms:>10.2} ms");
}
