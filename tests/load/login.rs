//! `login`: logins a second through auth-service and user-service, against as many threads that do nothing but Argon2id with
//! the same parameters; and how long token requests wait while logins fill the hashing threads, against their wait at rest.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use argon2::{Argon2, Params};
use clap::Args;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use futures_util::future::try_join_all;
use serde_json::json;
use shared::db::AsyncSqliteConnection;
use standalone::options::Options;
use standalone::services::Services;
use standalone::settlement::client_for_all_companies;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::auth::{CLIENT, post, token_form};
use crate::connection::Connection;
use crate::harness::{Failure, Settings, median, quantile, rounded};
use crate::process::{Killed, free_ports, start_unpinned};

/// Logins under way at once: the hashing threads always have the next one.
const CONNECTIONS: usize = 8;
/// Token requests a second while it is looked how long they wait.
const TOKENS_PER_SECOND: u32 = 200;
const ROUND: Duration = Duration::from_secs(3);
const USERS: usize = 64;
const PASSWORD: &str = "correct horse battery";

/// What the process is told.
#[derive(Args)]
pub struct Server {
    port: u16,
    folder: PathBuf,
}

/// All services on the embedded defaults; says the client's secret as its word.
pub async fn serve(server: &Server) -> Result<(), Failure> {
    let mut options = Options::embedded(&server.folder);
    options.first_port = Some(server.port);
    options.workers = NonZeroUsize::MIN.saturating_add(1);
    let services = Services::start(&options).await?;
    let client = client_for_all_companies(CLIENT, "order:read")?;
    let secret = services.register(&client).await?;
    add_users(&server.folder.join("user.db")).await?;
    println!("{}", secret.expose());
    std::future::pending().await
}

/// Past user-service: people who have signed up take two mails each.
async fn add_users(database: &Path) -> Result<(), Failure> {
    let hash = Argon2::default().hash_password_with_salt(PASSWORD.as_bytes(), b"sixteen bytes :)");
    let hash = hash.map_err(|error| error.to_string())?.to_string();
    let mut connection = AsyncSqliteConnection::establish(&database.display().to_string()).await?;
    for user in 1..=USERS {
        let sql = format!(
            "INSERT INTO users (company_id, email, name, created_at, provider, password_hash)
             VALUES (1, '{}', 'Load', '2026-01-01 00:00:00', 'LOCAL', '{hash}')",
            email(user)
        );
        connection.batch_execute(&sql).await?;
    }
    Ok(())
}

fn email(user: usize) -> String {
    format!("load{user}@example.com")
}

struct Round {
    argon2_per_second: f64,
    logins_per_second: f64,
    idle_p99_ms: f64,
    busy_p99_ms: f64,
}

struct Bench {
    runtime: Runtime,
    port: u16,
    token_request: String,
    _services: Killed,
    _folder: TempDir,
}

pub fn run(settings: &Settings) -> Result<(), Failure> {
    let bench = Bench::start()?;
    bench.log_in_for(Duration::from_secs(1))?;
    let (started, mut rounds) = (Instant::now(), Vec::new());
    while settings.goes_on(started, rounds.len()) {
        rounds.push(bench.round()?);
    }
    print(settings, &rounds);
    Ok(())
}

impl Bench {
    fn start() -> Result<Self, Failure> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build()?;
        let (folder, port) = (tempfile::tempdir()?, free_ports(4)?);
        let arguments =
            ["server", "login", &port.to_string(), &folder.path().display().to_string()];
        let (services, secret) = start_unpinned(&arguments)?;
        let form = token_form(&secret);
        let token_request = post("/oauth2/token", "application/x-www-form-urlencoded", &form);
        Ok(Self { runtime, port, token_request, _services: services, _folder: folder })
    }

    fn round(&self) -> Result<Round, Failure> {
        let argon2_per_second = argon2_per_second()?;
        let logins = self.log_in_for(ROUND)?;
        let idle = self.runtime.block_on(self.waits())?;
        let done = AtomicBool::new(false);
        let busy = thread::scope(|scope| {
            let storm = scope.spawn(|| self.log_in_until(&done).map_err(|error| error.to_string()));
            let busy = self.runtime.block_on(self.waits());
            done.store(true, Ordering::SeqCst);
            storm.join().map_err(|_| "the storm ended in a panic".to_owned())??;
            busy
        })?;
        Ok(Round {
            argon2_per_second,
            logins_per_second: logins as f64 / ROUND.as_secs_f64(),
            idle_p99_ms: quantile(idle, 0.99),
            busy_p99_ms: quantile(busy, 0.99),
        })
    }

    fn log_in_for(&self, time: Duration) -> Result<usize, Failure> {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(time);
                done.store(true, Ordering::SeqCst);
            });
            self.log_in_until(&done)
        })
    }

    /// How many logins there were.
    fn log_in_until(&self, done: &AtomicBool) -> Result<usize, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let count = AtomicUsize::new(0);
        let connections = (0..CONNECTIONS).map(|own| log_in(self.port, own, (done, &count)));
        runtime.block_on(try_join_all(connections))?;
        Ok(count.load(Ordering::SeqCst))
    }

    /// How long token requests wait, in milliseconds.
    async fn waits(&self) -> Result<Vec<f64>, Failure> {
        let mut connection = Connection::open(self.port).await?;
        let mut every = tokio::time::interval(Duration::from_secs(1) / TOKENS_PER_SECOND);
        let (began, mut waits) = (Instant::now(), Vec::new());
        while began.elapsed() < ROUND {
            every.tick().await;
            let asked = Instant::now();
            connection.exchange(&self.token_request).await?;
            waits.push(asked.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(waits)
    }
}

async fn log_in(
    port: u16,
    own: usize,
    (done, count): (&AtomicBool, &AtomicUsize),
) -> Result<(), Failure> {
    let mut connection = Connection::open(port).await?;
    let mut user = own;
    while !done.load(Ordering::SeqCst) {
        let body = json!({"email": email(user % USERS + 1), "password": PASSWORD}).to_string();
        connection.exchange(&post("/api/v2/auth/login", "application/json", &body)).await?;
        count.fetch_add(1, Ordering::SeqCst);
        user += CONNECTIONS;
    }
    Ok(())
}

/// As many threads as user-service has for it, with the parameters that it has unless told otherwise.
fn argon2_per_second() -> Result<f64, Failure> {
    let threads = thread::available_parallelism()?.get().div_ceil(2);
    let params = Params::new(19_456, 2, 1, None).map_err(|error| error.to_string())?;
    let count = AtomicUsize::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let argon2 = Argon2::from(params.clone());
                while began.elapsed() < ROUND {
                    let hashed = argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]);
                    std::hint::black_box(hashed.is_ok());
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    Ok(count.load(Ordering::SeqCst) as f64 / began.elapsed().as_secs_f64())
}

fn print(settings: &Settings, rounds: &[Round]) {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let ratio = of(|round| round.logins_per_second / round.argon2_per_second);
    let waits = of(|round| round.busy_p99_ms / round.idle_p99_ms);
    let (argon2, logins) =
        (of(|round| round.argon2_per_second), of(|round| round.logins_per_second));
    let (idle, busy) = (of(|round| round.idle_p99_ms), of(|round| round.busy_p99_ms));
    if settings.json() {
        let figures = json!({
            "argon2_ratio": rounded(ratio),
            "token_p99_ratio": rounded(waits),
            "logins_per_s": rounded(logins),
            "argon2_per_s": rounded(argon2),
            "idle_token_p99_ms": rounded(idle),
            "busy_token_p99_ms": rounded(busy),
        });
        println!("{figures}");
        return;
    }
    println!("login (medians of {} rounds)", rounds.len());
    println!("Argon2id alone, on as many threads  {argon2:>8.1} /s");
    println!("logins                              {logins:>8.1} /s   ratio {ratio:.2}");
    println!("p99 of token requests at rest       {idle:>8.2} ms");
    println!("p99 while logins fill the threads   {busy:>8.2} ms   ratio {waits:.2}");
}
