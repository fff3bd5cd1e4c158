//! `token-batch`: what a token costs where a client asks for 1,000 at once, against the signature alone.

use std::time::Instant;

use serde_json::json;
use shared::Algorithm;

use crate::auth::{Auth, WARN};
use crate::connection::Connection;
use crate::harness::{Failure, Settings, median, rounded, stay_on_core};
use crate::load::{Cost, Load};
use crate::process::output_on_server_core;

/// As many as one call may name.
const SESSIONS: usize = 1_000;

/// Calls of a round.
fn calls(algorithm: Algorithm) -> usize {
    if algorithm == Algorithm::Rs256 { 1 } else { 10 }
}

/// One round.
struct Round {
    signing_us: f64,
    batch: Cost,
}

/// Measures one algorithm after the other and prints.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    stay_on_core(1)?;
    let mut ratios = Vec::new();
    for algorithm in Algorithm::ALL {
        let rounds = rounds(algorithm, settings)?;
        if !settings.json() {
            print_table(algorithm, &rounds);
        }
        ratios.push(rounded(of(&rounds, |round| round.signing_us / round.batch.cpu_us)));
    }
    let [es256, eddsa, rs256] = &ratios[..] else { return Err("three algorithms".into()) };
    println!("{}", json!({"ratio": es256, "eddsa_ratio": eddsa, "rs256_ratio": rs256}));
    Ok(())
}

fn rounds(algorithm: Algorithm, settings: &Settings) -> Result<Vec<Round>, Failure> {
    let (auth, load) = (Auth::start(algorithm, WARN)?, Load::awake()?);
    let request = auth.tokens_request(SESSIONS);
    let round = || -> Result<Round, Failure> {
        Ok(Round {
            signing_us: signing_us(algorithm)?,
            batch: load.wait(batch(&auth, &request, calls(algorithm)))?,
        })
    };
    round()?;
    let (started, mut rounds) = (Instant::now(), Vec::new());
    while settings.goes_on(started, rounds.len()) {
        rounds.push(round()?);
    }
    Ok(rounds)
}

/// Of one signature, in a process that does nothing else.
fn signing_us(algorithm: Algorithm) -> Result<f64, Failure> {
    let times = (calls(algorithm) * SESSIONS).to_string();
    let printed = output_on_server_core(&["server", "signing", algorithm.name(), &times])?;
    Ok(printed.trim().parse()?)
}

/// Of one token, in calls that come one after the other.
async fn batch(auth: &Auth, request: &str, calls: usize) -> Result<Cost, Failure> {
    let server = auth.server();
    let mut connection = Connection::open(server.port()).await?;
    let (cpu, started) = (server.cpu_seconds()?, Instant::now());
    for _ in 0..calls {
        connection.exchange(request).await?;
    }
    let (cpu, took) = (server.cpu_seconds()? - cpu, started.elapsed().as_secs_f64());
    check_all_granted(connection.answer())?;
    let tokens = (calls * SESSIONS) as f64;
    Ok(Cost { cpu_us: cpu * 1e6 / tokens, per_second: tokens / took })
}

/// An answer of 200 may hold refusals.
fn check_all_granted(answer: &[u8]) -> Result<(), Failure> {
    let granted = String::from_utf8_lossy(answer).matches(r#""access_token":"#).count();
    if granted == SESSIONS { Ok(()) } else { Err(format!("{granted} tokens were granted").into()) }
}

fn of(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    median(rounds.iter().map(figure).collect())
}

fn print_table(algorithm: Algorithm, rounds: &[Round]) {
    println!("token-batch, {algorithm} (medians of {} rounds)", rounds.len());
    println!("{:<44} {:>12} {:>12}", "", "CPU us/token", "tokens/s");
    let signing_us = of(rounds, |round| round.signing_us);
    println!("{:<44} {signing_us:>12.2} {:>12.0}", "the signature alone", 1e6 / signing_us);
    let cpu_us = of(rounds, |round| round.batch.cpu_us);
    let per_second = of(rounds, |round| round.batch.per_second);
    println!("{:<44} {cpu_us:>12.2} {per_second:>12.0}\n", "auth-service, 1,000 sessions a call");
}
