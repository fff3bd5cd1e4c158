//! `handoff`: what was handed on is used, so many times a second, through auth-service over HTTP on PostgreSQL, against the same
//! update as one statement that `pgbench` sends to the same server; and whether 100,000 that are stored make tokens or the start
//! slower. Nothing is pinned: each has both cores, with all that it needs.

mod stored;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use auth_service::commands;
use auth_service::config::Config;
use auth_service::startup::bind;
use clap::Args;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::future::try_join_all;
use serde_json::json;
use tempfile::TempDir;
use tests::handoffs::{GRANT, shop, worker};
use tokio::runtime::Runtime;

use crate::connection::Connection;
use crate::harness::{Failure, Settings, median, quantile, rounded};
use crate::process::{Killed, READY, free_ports, start_unpinned};
use crate::servers::Servers;
use stored::ROWS;

/// Connections with one request under way each.
const CONNECTIONS: usize = 64;
/// How long a round takes, for each side.
const ROUND: Duration = Duration::from_secs(3);
/// Token requests are looked at by fewer: it is how long one takes that counts, not how many get through.
const FEW: usize = 8;

/// What the process is told.
#[derive(Args)]
pub struct Server {
    port: u16,
    folder: PathBuf,
    database_url: String,
}

impl Server {
    fn config(&self) -> Result<Config, Failure> {
        let key = self.folder.join("master.key");
        commands::create_master_key_file(&key)?;
        Ok(Config {
            listen: format!("127.0.0.1:{}", self.port),
            management_listen: format!("127.0.0.1:{}", self.port + 1),
            workers: NonZeroUsize::MIN.saturating_add(1),
            client_rate_per_s: 0,
            address_rate_per_s: 0,
            log: "warn".to_owned().try_into()?,
            ..Config::embedded(&self.database_url, &key)?
        })
    }
}

/// Serves until it is killed.
pub async fn serve(server: &Server) -> Result<(), Failure> {
    let config = server.config()?;
    shared::telemetry::start(&config.log);
    let bound = bind(&config).await?;
    println!("{READY}");
    Ok(bound.run().await?)
}

/// One round: uses a second, how long they took in milliseconds, and pgbench's transactions a second.
struct Round {
    per_second: f64,
    p99_ms: f64,
    pgbench_per_second: f64,
}

/// What 100,000 stored ones change.
struct Beside {
    token_p99_ms: f64,
    ready_ms: f64,
}

struct Bench {
    runtime: Runtime,
    server: Server,
    secret: String,
    database_url: String,
    _folder: TempDir,
    _servers: Servers,
}

pub fn run(settings: &Settings) -> Result<(), Failure> {
    let bench = Bench::start()?;
    let empty = bench.beside()?;
    bench.runtime.block_on(async {
        stored::store(&mut AsyncPgConnection::establish(&bench.database_url).await?).await
    })?;
    let full = bench.beside()?;
    let pgbench = bench.runtime.block_on(stored::pgbench(&bench.database_url))?;
    let (auth, _) = bench.serve()?;
    bench.redeem(Duration::from_secs(1))?;
    let (started, mut rounds) = (Instant::now(), Vec::new());
    while settings.goes_on(started, rounds.len()) {
        let pgbench_per_second = pgbench.per_second(ROUND)?;
        let waited = bench.redeem(ROUND)?;
        let per_second = waited.len() as f64 / ROUND.as_secs_f64();
        rounds.push(Round { per_second, p99_ms: quantile(waited, 0.99), pgbench_per_second });
    }
    drop(auth);
    print(settings, (&rounds, &empty, &full));
    Ok(())
}

impl Bench {
    fn start() -> Result<Self, Failure> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build()?;
        let (servers, folder) = (Servers::start()?, tempfile::tempdir()?);
        let database_url = runtime.block_on(servers.create_durable_database("handoff"))?;
        let (port, folder_path) = (free_ports(2)?, folder.path().to_owned());
        let server = Server { port, folder: folder_path, database_url: database_url.clone() };
        let config = server.config()?;
        let secret = runtime.block_on(async {
            commands::replace_client(&config, &shop()).await?;
            commands::replace_client(&config, &stored::with_tokens(worker())).await
        })?;
        let secret = secret.expose().to_owned();
        Ok(Self { runtime, server, secret, database_url, _folder: folder, _servers: servers })
    }

    /// The server, and how long it took until it was ready, in milliseconds.
    fn serve(&self) -> Result<(Killed, f64), Failure> {
        let Server { port, folder, database_url } = &self.server;
        let (port, folder) = (port.to_string(), folder.display().to_string());
        let began = Instant::now();
        let (auth, _) = start_unpinned(&["server", "handoff", &port, &folder, database_url])?;
        Ok((auth, began.elapsed().as_secs_f64() * 1000.0))
    }

    /// Medians of several starts, each with token requests after it.
    fn beside(&self) -> Result<Beside, Failure> {
        let (mut ready, mut p99) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let (_auth, ready_ms) = self.serve()?;
            let form = self.form("grant_type=client_credentials");
            self.ask(FEW, Duration::from_millis(500), || form.clone())?;
            let waited = self.ask(FEW, ROUND, || form.clone())?;
            ready.push(ready_ms);
            p99.push(quantile(waited, 0.99));
        }
        Ok(Beside { token_p99_ms: median(p99), ready_ms: median(ready) })
    }

    /// Uses any of the stored ones for so long; how long each took, in milliseconds.
    fn redeem(&self, time: Duration) -> Result<Vec<f64>, Failure> {
        let grant = GRANT.replace(':', "%3A");
        self.ask(CONNECTIONS, time, || {
            let id = stored::id(fastrand::usize(1..=ROWS));
            self.form(&format!("grant_type={grant}&handoff={id}"))
        })
    }

    fn form(&self, said: &str) -> String {
        let body = format!("{said}&client_id=worker&client_secret={}", self.secret);
        format!(
            "POST /oauth2/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn ask(
        &self,
        connections: usize,
        time: Duration,
        request: impl Fn() -> String,
    ) -> Result<Vec<f64>, Failure> {
        let until = Instant::now() + time;
        let asking = (0..connections).map(|_| ask_until(self.server.port, &request, until));
        Ok(self.runtime.block_on(try_join_all(asking))?.concat())
    }
}

async fn ask_until(
    port: u16,
    request: &impl Fn() -> String,
    until: Instant,
) -> Result<Vec<f64>, Failure> {
    let (mut connection, mut waited) = (Connection::open(port).await?, Vec::new());
    loop {
        let request = request();
        let began = Instant::now();
        if began >= until {
            return Ok(waited);
        }
        connection.exchange(&request).await?;
        waited.push(began.elapsed().as_secs_f64() * 1000.0);
    }
}

fn print(settings: &Settings, (rounds, empty, full): (&[Round], &Beside, &Beside)) {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let ratio = of(|round| round.per_second / round.pgbench_per_second);
    let (per_second, pgbench) =
        (of(|round| round.per_second), of(|round| round.pgbench_per_second));
    let p99_ms = of(|round| round.p99_ms);
    let (token, start) = (full.token_p99_ms / empty.token_p99_ms, full.ready_ms / empty.ready_ms);
    if settings.json() {
        let figures = json!({
            "ratio": rounded(ratio),
            "p99_ms": rounded(p99_ms),
            "per_s": rounded(per_second),
            "pgbench_per_s": rounded(pgbench),
            "stored": ROWS,
            "token_p99_ratio": rounded(token),
            "token_p99_ms": rounded(full.token_p99_ms),
            "token_p99_ms_of_none": rounded(empty.token_p99_ms),
            "ready_ratio": rounded(start),
            "ready_ms": rounded(full.ready_ms),
            "ready_ms_of_none": rounded(empty.ready_ms),
        });
        println!("{figures}");
        return;
    }
    println!(
        "handoff: uses a second over HTTP, against one UPDATE of pgbench (medians of {} rounds)",
        rounds.len()
    );
    println!(
        "{per_second:.0} uses/s, p99 {p99_ms:.1} ms; pgbench {pgbench:.0} updates/s; ratio {ratio:.2}"
    );
    println!("beside {ROWS} stored ones, and beside none:");
    println!(
        "a token's p99 {:.2} ms, {:.2} ms; ratio {token:.2}",
        full.token_p99_ms, empty.token_p99_ms
    );
    println!("ready after {:.0} ms, {:.0} ms; ratio {start:.2}", full.ready_ms, empty.ready_ms);
}
