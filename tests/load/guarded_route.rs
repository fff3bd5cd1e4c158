//! `guarded-route`: what the session middleware costs a request, against the same route without it, against a bare
//! verification in the handler, and against actix-web-httpauth with jsonwebtoken.
//!
//! Each server is a process with one worker on a core of its own. What is compared is its CPU time per request, which is
//! steadier than requests per second; both are shown.

mod servers;

use std::time::Instant;

use serde_json::{Map, Value, json};
use shared::testing::TestIssuer;
use shared::{Algorithm, Scopes, Session, SystemClock};

use crate::harness::{Failure, Settings, median, rounded, stay_on_core};
use crate::load::{Cost, Load};
use crate::process::Running;
use servers::{AUDIENCE, ISSUER};
pub use servers::{Server, serve};

/// Requests of a round, for each server.
const REQUESTS: usize = 10_000;
/// Requests of a round with never-seen tokens: each has to be signed, and RSA takes its time.
const FRESH: usize = 1_500;
/// Enough to tell a look-up among many from one in a cache line.
const KNOWN: usize = 1_000;

/// The costs of one round, by what was asked.
struct Round {
    plain: Cost,
    known: Cost,
    thousand: Cost,
    fresh: Cost,
    bare: Cost,
    httpauth: Cost,
}

/// Measures one algorithm after the other and prints.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    stay_on_core(1)?;
    let mut figures = Map::new();
    for algorithm in Algorithm::ALL {
        let rounds = Bench::start(algorithm)?.rounds(settings)?;
        if !settings.json() {
            print_table(algorithm, &rounds);
        }
        figures.insert(algorithm.name().to_owned(), ratios(&rounds));
    }
    if settings.json() {
        println!("{}", with_least(figures));
    }
    Ok(())
}

struct Bench {
    algorithm: Algorithm,
    plain: Running,
    guarded: Running,
    bare: Running,
    httpauth: Running,
    load: Load,
    issuer: TestIssuer,
}

impl Bench {
    fn start(algorithm: Algorithm) -> Result<Self, Failure> {
        let issuer = TestIssuer::new(algorithm, SystemClock::shared());
        let issuer = issuer.map_err(|error| error.to_string())?.named(ISSUER);
        let jwk = serde_json::to_string(issuer.signer().public_key())?;
        let start = |server: Server| Running::start("route", &[server.name(), &jwk]);
        Ok(Self {
            algorithm,
            plain: start(Server::Plain)?,
            guarded: start(Server::Guarded)?,
            bare: start(Server::BareVerify)?,
            httpauth: start(Server::Httpauth)?,
            load: Load::new()?,
            issuer,
        })
    }

    fn rounds(&self, settings: &Settings) -> Result<Vec<Round>, Failure> {
        let known = self.requests(KNOWN)?;
        // Not measured: a token is remembered from its second use on.
        self.load.send(self.guarded.port(), &known, 2 * KNOWN + Load::CONNECTIONS)?;
        self.round(&known)?;
        let (started, mut rounds) = (Instant::now(), Vec::new());
        while settings.goes_on(started, rounds.len()) {
            rounds.push(self.round(&known)?);
        }
        Ok(rounds)
    }

    fn round(&self, known: &[String]) -> Result<Round, Failure> {
        let fresh = self.requests(FRESH)?;
        let one = &known[..1];
        Ok(Round {
            plain: self.load.cost(&self.plain, one, REQUESTS)?,
            known: self.load.cost(&self.guarded, one, REQUESTS)?,
            thousand: self.load.cost(&self.guarded, known, REQUESTS)?,
            fresh: self.load.cost(&self.guarded, &fresh, FRESH)?,
            bare: self.load.cost(&self.bare, &fresh, FRESH)?,
            httpauth: self.load.cost(&self.httpauth, one, FRESH)?,
        })
    }

    /// So many requests, each with a token of its own.
    fn requests(&self, count: usize) -> Result<Vec<String>, Failure> {
        let session = Session::parse(r#"{"companyId":100,"userId":200,"roles":["clerk"]}"#)?;
        let scope: Scopes = "order:read order:write".parse()?;
        let sign = |_| {
            let claims = self.issuer.claims(AUDIENCE, scope.clone(), Some(session.clone()));
            let token = self.issuer.sign(&claims).map_err(|error| error.to_string())?;
            Ok::<_, String>(request(token.expose()))
        };
        let requests: Result<Vec<_>, String> = (0..count).map(sign).collect();
        requests.map_err(|error| format!("{}: {error}", self.algorithm).into())
    }
}

fn request(token: &str) -> String {
    format!(
        "GET /order HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
}

/// The median over the rounds of baseline to subject, in CPU time: the ratio of what both could serve.
fn ratio(rounds: &[Round], of: impl Fn(&Round) -> (Cost, Cost)) -> f64 {
    let ratios = rounds.iter().map(|round| {
        let (baseline, subject) = of(round);
        baseline.cpu_us / subject.cpu_us
    });
    median(ratios.collect())
}

fn ratios(rounds: &[Round]) -> Value {
    json!({
        "known_ratio": rounded(ratio(rounds, |round| (round.plain, round.known))),
        "thousand_ratio": rounded(ratio(rounds, |round| (round.known, round.thousand))),
        "fresh_ratio": rounded(ratio(rounds, |round| (round.bare, round.fresh))),
        "httpauth_ratio": rounded(ratio(rounds, |round| (round.httpauth, round.known))),
    })
}

/// Each ratio of the algorithm that does worst, beside those of all.
fn with_least(figures: Map<String, Value>) -> Value {
    let mut object = Map::new();
    for name in ["known_ratio", "thousand_ratio", "fresh_ratio", "httpauth_ratio"] {
        let all = figures.values().filter_map(|figure| figure[name].as_f64());
        object.insert(name.to_owned(), json!(all.fold(f64::INFINITY, f64::min)));
    }
    object.insert("algorithms".to_owned(), Value::Object(figures));
    Value::Object(object)
}

fn print_table(algorithm: Algorithm, rounds: &[Round]) {
    println!("guarded-route, {algorithm} (medians of {} rounds)", rounds.len());
    println!("{:<44} {:>12} {:>12}", "", "CPU us/req", "requests/s");
    type Row = (&'static str, fn(&Round) -> Cost);
    let rows: [Row; 6] = [
        ("the route without middleware", |round| round.plain),
        ("guarded, one known token", |round| round.known),
        ("guarded, 1,000 known tokens", |round| round.thousand),
        ("guarded, never-seen tokens", |round| round.fresh),
        ("bare verification, never-seen tokens", |round| round.bare),
        ("actix-web-httpauth with jsonwebtoken", |round| round.httpauth),
    ];
    for (name, cost) in rows {
        let cpu_us = median(rounds.iter().map(|round| cost(round).cpu_us).collect());
        let per_second = median(rounds.iter().map(|round| cost(round).per_second).collect());
        println!("{name:<44} {cpu_us:>12.2} {per_second:>12.0}");
    }
    println!("{}\n", ratios(rounds));
}
