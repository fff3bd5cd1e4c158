//! `unknown-kids`: callers with good tokens while others send tokens of keys that nobody has, against the same callers
//! alone. Every wrong token must be refused, the issuer must not be asked for each of them, and the good callers must
//! not notice.

mod caller;
mod servers;

use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::testing::TestIssuer;
use shared::{Algorithm, Claims, Session, SystemClock};
use uuid::Uuid;

use crate::harness::{Failure, Settings, median, quantile, rounded, stay_on_core};
use crate::process::Running;
use caller::{Answer, Caller, Schedule, Sent};
use servers::{AUDIENCE, ISSUER, KEYS};
pub use servers::{Server, serve};

/// How long each phase lasts.
const PHASE: Duration = Duration::from_secs(10);
/// Good requests of a phase.
const KNOWN: u32 = 2_000;
/// Connections that they come on.
const KNOWN_CALLERS: u32 = 4;
/// Requests of a phase with a token of an unknown key.
const UNKNOWN: u32 = 10_000;
/// Connections that these come on.
const UNKNOWN_CALLERS: u32 = 50;
/// Different good tokens.
const TOKENS: usize = 100;

/// One round: each phase once, with a service that has just started.
struct Round {
    baseline_p99_ms: f64,
    p99_ms: f64,
    slowest_refusal_ms: f64,
    refused: usize,
    jwks_fetches: u64,
}

/// Measures and prints.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    stay_on_core(1)?;
    let issuers = (issuer()?, issuer()?);
    let (started, mut rounds) = (Instant::now(), Vec::new());
    // A round is long by itself.
    while rounds.is_empty() || settings.has_time(started) {
        rounds.push(round(&issuers).map_err(|error| error.to_string())?);
    }
    let figures = figures(&rounds);
    if !settings.json() {
        print_table(&rounds, &figures);
    }
    println!("{figures}");
    Ok(())
}

fn issuer() -> Result<TestIssuer, Failure> {
    let issuer = TestIssuer::new(Algorithm::Es256, SystemClock::shared());
    Ok(issuer.map_err(|error| error.to_string())?.named(ISSUER))
}

fn round((issuer, stranger): &(TestIssuer, TestIssuer)) -> Result<Round, Sent> {
    let jwk = serde_json::to_string(issuer.signer().public_key())?;
    let keys = start("kids", &["keys", &jwk])?;
    let service = start("kids", &["service", &keys.url(KEYS)])?;
    let (known, unknown) = (known(issuer)?, unknown(stranger)?);
    warm_up(service.port(), &known)?;
    let good = || Crowd { callers: KNOWN_CALLERS, requests: KNOWN, tokens: &known };
    let flood = Crowd { callers: UNKNOWN_CALLERS, requests: UNKNOWN, tokens: &unknown };
    let baseline = phase(service.port(), &[good()])?;
    let before = fetches(keys.port())?;
    let flooded = phase(service.port(), &[good(), flood])?;
    let jwks_fetches = fetches(keys.port())? - before;
    let refused = flooded[1].iter().filter(|answer| answer.status == 401);
    Ok(Round {
        baseline_p99_ms: p99(&baseline[0])?,
        p99_ms: p99(&flooded[0])?,
        slowest_refusal_ms: refused.clone().map(|answer| answer.ms).fold(0.0, f64::max),
        refused: refused.count(),
        jwks_fetches,
    })
}

fn start(name: &str, more: &[&str]) -> Result<Running, Sent> {
    Ok(Running::start(name, more).map_err(|error| error.to_string())?)
}

/// A token is remembered from its second use on.
fn warm_up(port: u16, tokens: &[String]) -> Result<(), Sent> {
    let mut caller = Caller::connect(port)?;
    for token in tokens.iter().chain(tokens) {
        caller.get("/order", token)?;
    }
    Ok(())
}

fn fetches(port: u16) -> Result<u64, Sent> {
    let mut caller = Caller::connect(port)?;
    caller.get("/count", "")?;
    Ok(caller.body().parse()?)
}

/// Callers who send so many requests in all, evenly spread over the phase.
struct Crowd<'t> {
    callers: u32,
    requests: u32,
    /// No token comes twice before all have come.
    tokens: &'t [String],
}

type Calling<'s> = ScopedJoinHandle<'s, Result<Vec<Answer>, Sent>>;

impl<'t> Crowd<'t> {
    fn start<'s>(
        &self,
        scope: &'s Scope<'s, 't>,
        (port, start): (u16, Instant),
    ) -> Vec<Calling<'s>> {
        let every = PHASE * self.callers / self.requests;
        let each = self.tokens.len() / self.callers as usize;
        let callers = (0..self.callers).zip(self.tokens.chunks(each));
        let call = |(own, tokens): (u32, &'t [String])| {
            let start = start + every * own / self.callers;
            let schedule = Schedule { start, every, requests: self.requests / self.callers };
            scope.spawn(move || Caller::connect(port)?.keep_to(schedule, tokens))
        };
        callers.map(call).collect()
    }
}

/// All crowds at once; the answers of each.
fn phase(port: u16, crowds: &[Crowd<'_>]) -> Result<Vec<Vec<Answer>>, Sent> {
    let start = Instant::now() + Duration::from_millis(100);
    thread::scope(|scope| {
        let calling: Vec<_> =
            crowds.iter().map(|crowd| crowd.start(scope, (port, start))).collect();
        calling.into_iter().map(answers).collect()
    })
}

fn answers(calling: Vec<Calling<'_>>) -> Result<Vec<Answer>, Sent> {
    let mut answers = Vec::new();
    for caller in calling {
        answers.extend(caller.join().map_err(|_| "a caller has given up")??);
    }
    Ok(answers)
}

/// Milliseconds from when a request was due. A good token has to be let in.
fn p99(answers: &[Answer]) -> Result<f64, Sent> {
    match answers.iter().find(|answer| answer.status != 200) {
        Some(answer) => Err(format!("a good token was answered {}", answer.status).into()),
        None => Ok(quantile(answers.iter().map(|answer| answer.ms).collect(), 0.99)),
    }
}

fn known(issuer: &TestIssuer) -> Result<Vec<String>, Sent> {
    let sign = |_| Ok(issuer.sign(&claims(issuer)?)?.expose().to_owned());
    (0..TOKENS).map(sign).collect()
}

/// Good in all but their key; each names one of its own.
fn unknown(stranger: &TestIssuer) -> Result<Vec<String>, Sent> {
    let claims = serde_json::to_string(&claims(stranger)?)?;
    let sign = |_| {
        let mut header = stranger.header();
        header["kid"] = json!(Uuid::new_v4().to_string());
        Ok(stranger.sign_raw(header.to_string(), &claims)?.expose().to_owned())
    };
    (0..UNKNOWN).map(sign).collect()
}

fn claims(issuer: &TestIssuer) -> Result<Claims, Sent> {
    let session = Session::parse(r#"{"companyId":100,"userId":200,"roles":["clerk"]}"#)?;
    Ok(issuer.claims(AUDIENCE, "order:read order:write".parse()?, Some(session)))
}

fn of(rounds: &[Round], figure: fn(&Round) -> f64) -> f64 {
    median(rounds.iter().map(figure).collect())
}

/// Of what must not happen the worst round counts.
fn figures(rounds: &[Round]) -> Value {
    json!({
        "jwks_fetches": rounds.iter().map(|round| round.jwks_fetches).max(),
        "known_p99_ms": rounded(of(rounds, |round| round.p99_ms)),
        "baseline_known_p99_ms": rounded(of(rounds, |round| round.baseline_p99_ms)),
        "refused": rounds.iter().map(|round| round.refused).min(),
        "slowest_refusal_ms": rounded(of(rounds, |round| round.slowest_refusal_ms)),
    })
}

fn print_table(rounds: &[Round], figures: &Value) {
    println!("unknown-kids (medians of {} rounds, 10 s each phase)", rounds.len());
    println!("{:<52} {:>12}", "", "p99 ms");
    let rows = [
        ("200 known tokens/s", "baseline_known_p99_ms"),
        ("the same beside 1,000 tokens/s of unknown keys", "known_p99_ms"),
    ];
    for (name, figure) in rows {
        println!("{name:<52} {:>12}", figures[figure].to_string());
    }
    println!(
        "{UNKNOWN} unknown keys: {} refused, {} fetches",
        figures["refused"], figures["jwks_fetches"]
    );
}
