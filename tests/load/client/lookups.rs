//! How long it takes to get a token that is there, from many threads, against a plain map behind a lock.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use reqwest::header::HeaderValue;
use shared::SystemClock;
use shared::client::token_cache::TokenCache;
use shared::client::token_source::TokenRequest;
use tokio::runtime::Builder;

use super::SESSIONS;
use super::source::{Source, fill, requests};
use crate::harness::{Failure, median, quantile};

const THREADS: usize = 8;
/// Of each thread, in a round.
const LOOKUPS: usize = 50_000;
const ROUNDS: usize = 7;

/// How long look-ups take.
#[derive(Clone, Copy)]
pub struct Times {
    pub p50_ns: f64,
    pub p99_ns: f64,
}

/// The cache, and the plain map.
pub struct Lookups {
    pub cache: Times,
    pub map: Times,
}

pub fn measure() -> Result<Lookups, Failure> {
    // The upkeep of the cache goes on while we measure.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let requests = requests(SESSIONS)?;
    let tokens = TokenCache::new(Arc::new(Source::default()), SystemClock::shared());
    runtime.block_on(fill(&tokens, &requests))?;
    let (names, map) = plain_map(&tokens, &requests)?;
    let of_cache = |session: usize| held(&tokens, &requests[session]);
    let of_map = |session: usize| map.lock().ok()?.get(&names[session]).cloned();
    let (mut cache, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain.push(round(&of_map)?);
        cache.push(round(&of_cache)?);
    }
    Ok(Lookups { cache: medians(&cache), map: medians(&plain) })
}

type PlainMap = Mutex<HashMap<String, HeaderValue>>;

/// What one would write without us: the same headers by session and scope, behind one lock.
fn plain_map(
    tokens: &TokenCache,
    requests: &[TokenRequest],
) -> Result<(Vec<String>, PlainMap), Failure> {
    let name = |request: &TokenRequest| {
        let session = request.session().map_or("", |session| session.as_json());
        format!("{} {} {session}", request.audience(), request.scope())
    };
    let names: Vec<String> = requests.iter().map(name).collect();
    let headers: Option<Vec<_>> = requests.iter().map(|request| held(tokens, request)).collect();
    let headers = headers.ok_or("the cache is not full")?;
    // A copy of the token: both must not have the same in the processor's cache.
    let copy = |header: HeaderValue| HeaderValue::from_bytes(header.as_bytes());
    let headers: Result<Vec<_>, _> = headers.into_iter().map(copy).collect();
    let map = Mutex::new(names.iter().cloned().zip(headers?).collect());
    Ok((names, map))
}

/// What a call does; it has nothing to wait for.
fn held(tokens: &TokenCache, request: &TokenRequest) -> Option<HeaderValue> {
    tokens.authorization(request, Duration::MAX).now_or_never()?.ok()
}

fn round(look_up: &(impl Fn(usize) -> Option<HeaderValue> + Sync)) -> Result<Times, Failure> {
    let together = Barrier::new(THREADS);
    let times = thread::scope(|scope| {
        let start = |seed| {
            let together = &together;
            scope.spawn(move || {
                together.wait();
                look_ups(seed, look_up)
            })
        };
        let threads: Vec<_> = (0..THREADS as u64).map(start).collect();
        threads.into_iter().map(|thread| thread.join().ok().flatten()).collect::<Option<Vec<_>>>()
    });
    let times = times.ok_or("a look-up has found nothing")?.concat();
    Ok(Times { p50_ns: quantile(times.clone(), 0.5), p99_ns: quantile(times, 0.99) })
}

/// Nanoseconds of each look-up, without what it takes to look at the clock: the median of doing so twice in a row.
fn look_ups(seed: u64, look_up: impl Fn(usize) -> Option<HeaderValue>) -> Option<Vec<f64>> {
    let nanoseconds = |started: Instant| started.elapsed().as_nanos() as f64;
    let clock_ns = median((0..1000).map(|_| nanoseconds(Instant::now())).collect());
    let mut random = fastrand::Rng::with_seed(seed);
    let mut times = Vec::with_capacity(LOOKUPS);
    for _ in 0..LOOKUPS {
        let session = random.usize(..SESSIONS);
        let started = Instant::now();
        let header = black_box(look_up(session));
        times.push((nanoseconds(started) - clock_ns).max(0.0));
        header?;
    }
    Some(times)
}

fn medians(rounds: &[Times]) -> Times {
    let of = |time: fn(&Times) -> f64| median(rounds.iter().map(time).collect());
    Times { p50_ns: of(|times| times.p50_ns), p99_ns: of(|times| times.p99_ns) }
}
