//! The runner with a stand-in for order-service that takes a millisecond, against as many plain calls; with tokens of
//! auth-service itself.

use std::time::Instant;

use shared::Algorithm;
use shared::client::http::{Timeouts, http_client};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::alone::{Came, run_alone};
use super::job::{Runs, Services, Size};
use super::orders::Plain;
use crate::auth::{Auth, WARN};
use crate::harness::{Failure, Settings};
use crate::load::Cost;
use crate::process::{Running, own_cpu_seconds};

/// One round.
const ROUND: Size = Size { companies: 40, orders: 250 };
/// Many companies, few orders each: what tokens are fetched ahead for.
const MANY: Size = Size { companies: 10_000, orders: 20 };
/// About as long as the tokens are that the runner sends.
const TOKEN_BYTES: usize = 700;

/// What a call costs this process, and how many are made.
pub struct Round {
    pub runner: Cost,
    pub plain: Cost,
}

/// The run over many companies.
pub struct Many {
    pub came: Came,
    pub token_calls: usize,
    pub per_second: f64,
}

pub struct Calls {
    runtime: Runtime,
    services: Services,
    plain: Plain,
    runs: Runs,
    auth: Auth,
    _orders: Running,
    _folder: TempDir,
}

impl Calls {
    pub fn start() -> Result<Self, Failure> {
        let (runtime, folder) = (Runtime::new()?, tempfile::tempdir()?);
        let (auth, orders) =
            (Auth::start(Algorithm::Es256, WARN)?, Running::start("batch-orders", &[])?);
        let services = Services {
            order_url: orders.url(""),
            token_url: auth.server().url("/oauth2/token"),
            secret: auth.secret().expose().to_owned(),
        };
        let database = format!("sqlite://{}", folder.path().join("batch.db").display());
        let plain = Plain {
            http: http_client(Timeouts::default())?,
            url: orders.url(""),
            header: format!("Bearer {:0>TOKEN_BYTES$}", 1).parse()?,
        };
        let runs = runtime.block_on(Runs::start(&database, Some(&services)))?;
        Ok(Self { runtime, services, plain, runs, auth, _orders: orders, _folder: folder })
    }

    pub fn measure(&self, settings: &Settings) -> Result<Vec<Round>, Failure> {
        self.round("first", true)?;
        let (started, mut rounds) = (Instant::now(), Vec::new());
        while settings.goes_on(started, rounds.len()) {
            let number = rounds.len();
            // By turns, so that neither is always the one that comes after a pause.
            rounds.push(self.round(&number.to_string(), number % 2 == 0)?);
        }
        Ok(rounds)
    }

    fn round(&self, name: &str, plain_first: bool) -> Result<Round, Failure> {
        let before = if plain_first { Some(self.plain()?) } else { None };
        let runner = self.cost(self.runs.timed(name, ROUND))?;
        Ok(Round { runner, plain: before.map_or_else(|| self.plain(), Ok)? })
    }

    fn plain(&self) -> Result<Cost, Failure> {
        self.cost(self.plain.calls(ROUND.items() as u32))
    }

    fn cost<T>(&self, calls: impl Future<Output = Result<T, Failure>>) -> Result<Cost, Failure> {
        let (cpu, began) = (own_cpu_seconds()?, Instant::now());
        self.runtime.block_on(calls)?;
        let took = began.elapsed().as_secs_f64();
        let cpu_us = (own_cpu_seconds()? - cpu) * 1e6 / ROUND.items();
        Ok(Cost { cpu_us, per_second: ROUND.items() / took })
    }

    /// In a process that has no tokens yet.
    pub fn many(&self) -> Result<Many, Failure> {
        let before = self.runtime.block_on(self.auth.token_calls())?;
        let came = run_alone(MANY, Some(&self.services))?;
        let token_calls = self.runtime.block_on(self.auth.token_calls())? - before;
        Ok(Many { came, token_calls, per_second: MANY.items() / came.seconds })
    }
}
