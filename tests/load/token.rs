//! `token`: what a token for a session costs auth-service, against a handler that does nothing but read the form, sign
//! and answer; how long callers wait at half of what it can do; and how much memory it takes.

pub mod limit;

use std::time::Instant;

use serde_json::{Map, Value, json};
use shared::Algorithm;

use crate::auth::{Auth, INFO, WARN};
use crate::harness::{Failure, Settings, median, quantile, rounded, stay_on_core};
use crate::load::{Cost, Load};
use crate::process::Running;

/// Requests of a round, for each server: a second's worth, nearly.
fn requests(algorithm: Algorithm) -> usize {
    if algorithm == Algorithm::Rs256 { 1_000 } else { 8_000 }
}

/// So many tokens are issued before memory is looked at, if there is the time.
const MILLION: usize = 1_000_000;

/// One round.
struct Round {
    limit: Cost,
    warn: Cost,
    info: Cost,
    p99_ms: f64,
    /// What the machine does to the other one at the same rate.
    limit_p99_ms: f64,
}

/// What one algorithm costs.
struct Measured {
    algorithm: Algorithm,
    rounds: Vec<Round>,
    tokens: usize,
    rss_mib: f64,
}

/// Measures one algorithm after the other and prints. With `million` that of the default algorithm goes on to a million
/// tokens.
pub fn run(settings: &Settings, million: bool) -> Result<(), Failure> {
    stay_on_core(1)?;
    let mut all = Vec::new();
    for algorithm in Algorithm::ALL {
        let least = if million && algorithm == Algorithm::Es256 { MILLION } else { 0 };
        let measured = Bench::start(algorithm)?.measure(settings, least)?;
        if !settings.json() {
            print_table(&measured);
        }
        all.push(measured);
    }
    println!("{}", figures(&all));
    Ok(())
}

struct Bench {
    algorithm: Algorithm,
    limit: Running,
    warn: Auth,
    info: Auth,
    load: Load,
}

impl Bench {
    fn start(algorithm: Algorithm) -> Result<Self, Failure> {
        Ok(Self {
            algorithm,
            limit: Running::start("limit", &[algorithm.name()])?,
            warn: Auth::start(algorithm, WARN)?,
            info: Auth::start(algorithm, INFO)?,
            load: Load::awake()?,
        })
    }

    /// Goes on until so many tokens are issued, when the rounds are over before.
    fn measure(&self, settings: &Settings, least: usize) -> Result<Measured, Failure> {
        self.round()?;
        let (started, mut rounds) = (Instant::now(), Vec::new());
        while settings.goes_on(started, rounds.len()) {
            rounds.push(self.round()?);
        }
        let missing = least.saturating_sub(self.load.wait(self.warn.issued())?);
        let server = self.warn.server();
        self.load.send(server.port(), &[self.warn.token_request()], missing + Load::CONNECTIONS)?;
        let (tokens, rss_mib) = (self.load.wait(self.warn.issued())?, server.rss_mib()?);
        Ok(Measured { algorithm: self.algorithm, rounds, tokens, rss_mib })
    }

    fn round(&self) -> Result<Round, Failure> {
        let count = requests(self.algorithm);
        let of = |auth: &Auth| self.load.cost(auth.server(), &[auth.token_request()], count);
        let limit = self.load.cost(&self.limit, &[self.warn.token_request()], count)?;
        let (warn, info) = (of(&self.warn)?, of(&self.info)?);
        let half = warn.per_second / 2.0;
        let (p99_ms, limit_p99_ms) =
            (self.p99_ms(self.warn.server(), half)?, self.p99_ms(&self.limit, half)?);
        Ok(Round { limit, warn, info, p99_ms, limit_p99_ms })
    }

    fn p99_ms(&self, server: &Running, per_second: f64) -> Result<f64, Failure> {
        let waited = self.load.pace(server.port(), &self.warn.token_request(), per_second)?;
        Ok(quantile(waited, 0.99))
    }
}

impl Measured {
    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }

    /// In CPU time: the ratio of what both could serve.
    fn ratio(&self, of: fn(&Round) -> Cost) -> f64 {
        self.median(|round| round.limit.cpu_us / of(round).cpu_us)
    }

    fn figures(&self) -> Value {
        json!({
            "ratio": rounded(self.ratio(|round| round.warn)),
            "logged_ratio": rounded(self.ratio(|round| round.info)),
            "per_s_ratio": rounded(self.median(|round| round.warn.per_second / round.limit.per_second)),
            "cpu_us": rounded(self.median(|round| round.warn.cpu_us)),
            "baseline_cpu_us": rounded(self.median(|round| round.limit.cpu_us)),
            "per_s": rounded(self.median(|round| round.warn.per_second)),
            "baseline_per_s": rounded(self.median(|round| round.limit.per_second)),
            "p99_ms": rounded(self.median(|round| round.p99_ms)),
            "baseline_p99_ms": rounded(self.median(|round| round.limit_p99_ms)),
            "tokens": self.tokens,
            "rss_mib": rounded(self.rss_mib),
        })
    }
}

/// Those of the default algorithm first, and the ratios of all; then all of each.
fn figures(all: &[Measured]) -> Value {
    let mut algorithms = Map::new();
    for measured in all {
        algorithms.insert(measured.algorithm.name().to_owned(), measured.figures());
    }
    let of = |algorithm: Algorithm, figure: &str| algorithms[algorithm.name()][figure].clone();
    let default = |figure: &str| of(Algorithm::Es256, figure);
    json!({
        "es256_ratio": default("ratio"),
        "eddsa_ratio": of(Algorithm::EdDsa, "ratio"),
        "rs256_ratio": of(Algorithm::Rs256, "ratio"),
        "es256_logged_ratio": default("logged_ratio"),
        "es256_per_s": default("per_s"),
        "p99_ms": default("p99_ms"),
        "baseline_p99_ms": default("baseline_p99_ms"),
        "tokens": default("tokens"),
        "rss_mib": default("rss_mib"),
        "algorithms": algorithms,
    })
}

fn print_table(measured: &Measured) {
    println!("token, {} (medians of {} rounds)", measured.algorithm, measured.rounds.len());
    println!("{:<44} {:>12} {:>12}", "", "CPU us/token", "tokens/s");
    type Row = (&'static str, fn(&Round) -> Cost);
    let rows: [Row; 3] = [
        ("the form, a signature, the answer", |round| round.limit),
        ("auth-service, log level warn", |round| round.warn),
        ("auth-service, log level info", |round| round.info),
    ];
    for (name, cost) in rows {
        let cpu_us = measured.median(|round| cost(round).cpu_us);
        let per_second = measured.median(|round| cost(round).per_second);
        println!("{name:<44} {cpu_us:>12.2} {per_second:>12.0}");
    }
    let p99_ms = measured.median(|round| round.p99_ms);
    let limit_p99_ms = measured.median(|round| round.limit_p99_ms);
    println!("p99 at half of its tokens/s, from when a request was due: {p99_ms:.2} ms");
    println!("p99 of the first one at the same rate: {limit_p99_ms:.2} ms");
    println!("memory after {} tokens: {:.1} MiB\n", measured.tokens, measured.rss_mib);
}
