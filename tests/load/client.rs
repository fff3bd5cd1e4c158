//! `client`: what it costs to carry tokens: a call with a warm cache against plain reqwest, a look-up from many threads
//! against a plain map behind a lock, and the memory of many sessions against a plain map.

mod calls;
mod lookups;
mod memory;
mod source;

use serde_json::{Value, json};

use crate::harness::{Failure, Settings, median, rounded, stay_on_core};
use crate::load::Cost;
use calls::{Calls, Pair, Round};
use lookups::Lookups;
use memory::Memory;

pub use calls::serve;
pub use memory::{Keeper, print as print_memory};

/// As many as a cache holds unless told otherwise.
const SESSIONS: usize = 10_000;

/// Measures one after the other and prints.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    // Before this program keeps to one core: threads that take turns on it do not meet.
    let lookups = lookups::measure()?;
    let memory = memory::measure()?;
    stay_on_core(1)?;
    let calls = calls::measure(settings)?;
    if !settings.json() {
        print_table(&calls, &lookups, &memory);
    }
    println!("{}", figures(&calls, &lookups, &memory));
    Ok(())
}

fn figures(calls: &Calls, lookups: &Lookups, memory: &Memory) -> Value {
    let ratio = |of: fn(&Round) -> Pair| {
        let ratios = calls.rounds.iter().map(of).map(|pair| pair.plain.cpu_us / pair.client.cpu_us);
        rounded(median(ratios.collect()))
    };
    json!({
        "warm_ratio": ratio(|round| round.busy),
        "warm_ratio_alone": ratio(|round| round.alone),
        "token_calls": calls.token_calls,
        "lookup_p50_ns": rounded(lookups.cache.p50_ns),
        "lookup_p99_ns": rounded(lookups.cache.p99_ns),
        "baseline_lookup_p50_ns": rounded(lookups.map.p50_ns),
        "baseline_lookup_p99_ns": rounded(lookups.map.p99_ns),
        "rss_mib": rounded(memory.cache_mib),
        "baseline_rss_mib": rounded(memory.map_mib),
    })
}

fn print_table(calls: &Calls, lookups: &Lookups, memory: &Memory) {
    println!("client, calls (medians of {} rounds)", calls.rounds.len());
    println!("{:<44} {:>12} {:>12}", "", "CPU us/call", "calls/s");
    type Row = (&'static str, fn(&Round) -> Cost);
    let rows: [Row; 4] = [
        ("plain reqwest, a fixed header, 16 at once", |round| round.busy.plain),
        ("ServiceClient, warm cache, 16 at once", |round| round.busy.client),
        ("plain reqwest, one after the other", |round| round.alone.plain),
        ("ServiceClient, one after the other", |round| round.alone.client),
    ];
    for (name, cost) in rows {
        let of = |figure: fn(Cost) -> f64| {
            median(calls.rounds.iter().map(|round| figure(cost(round))).collect())
        };
        let (cpu_us, per_second) = (of(|cost| cost.cpu_us), of(|cost| cost.per_second));
        println!("{name:<44} {cpu_us:>12.2} {per_second:>12.0}");
    }
    println!("\nclient, {SESSIONS} sessions");
    println!("{:<44} {:>12} {:>12} {:>12}", "", "p50 ns", "p99 ns", "MiB");
    let rows = [
        ("a HashMap behind a Mutex", lookups.map, memory.map_mib),
        ("TokenCache", lookups.cache, memory.cache_mib),
    ];
    for (name, times, mib) in rows {
        println!("{name:<44} {:>12.0} {:>12.0} {mib:>12.1}", times.p50_ns, times.p99_ns);
    }
}
