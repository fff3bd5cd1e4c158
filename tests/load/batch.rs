//! `batch`: the runner of batch-service against plain calls, as many at once; what it costs by itself on SQLite and on
//! PostgreSQL; its memory; and how often it asks for tokens.

mod alone;
mod calls;
mod empty;
mod job;
mod orders;

use serde_json::Value;

use crate::harness::{Failure, Settings, median, rounded, stay_on_core};
use alone::{Came, run_alone};
use calls::{Calls, Many, Round};
use empty::Empty;
use job::Size;

pub use alone::Alone;
pub use orders::serve as serve_orders;

/// Who is called.
const SERVICE: &str = "order-service";
/// Calls under way at once, of the runner and without it.
const CONCURRENCY: u32 = 32;

/// 10,000 items.
const FEW: Size = Size { companies: 10, orders: 1_000 };
const MILLION: Size = Size { companies: 1_000, orders: 1_000 };

/// All that was measured.
struct Measured {
    empty: Empty,
    few: Came,
    million: Came,
    many: Many,
    rounds: Vec<Round>,
}

/// A figure, and what it is about.
type Row = (&'static str, f64, &'static str);

/// Measures one after the other and prints.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    // Before this program keeps to one core: PostgreSQL needs one, too.
    let empty = empty::measure(settings)?;
    let (few, million) = (run_alone(FEW, None)?, run_alone(MILLION, None)?);
    stay_on_core(1)?;
    let calls = Calls::start()?;
    let (many, rounds) = (calls.many()?, calls.measure(settings)?);
    print(settings, &Measured { empty, few, million, many, rounds });
    Ok(())
}

fn figures(measured: &Measured) -> [Row; 15] {
    let Measured { empty, few, million, many, rounds } = measured;
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    [
        ("ratio", of(|round| round.runner.per_second / round.plain.per_second), "calls a second"),
        ("item_us", empty.sqlite_us.max(empty.postgres_us), "of an item without a call, at most"),
        ("rss_mib", million.peak_mib, "the most memory of a run over 1,000,000 items"),
        ("token_calls", many.token_calls as f64, "for 10,000 companies of 20 orders"),
        ("runner_per_s", of(|round| round.runner.per_second), "calls of 1 ms, of the runner"),
        ("plain_per_s", of(|round| round.plain.per_second), "of plain reqwest"),
        ("runner_cpu_us", of(|round| round.runner.cpu_us), "CPU time of a call, of the runner"),
        ("plain_cpu_us", of(|round| round.plain.cpu_us), "of plain reqwest"),
        ("item_us_sqlite", empty.sqlite_us, "of an item without a call, on SQLite"),
        ("item_us_postgres", empty.postgres_us, "on PostgreSQL that keeps what it commits"),
        ("rss_10k_mib", few.peak_mib, "the most memory of a run over 10,000 items"),
        ("rss_1m_mib", million.peak_mib, "over 1,000,000 items"),
        ("rss_many_mib", many.came.peak_mib, "over 10,000 companies, with calls and tokens"),
        ("million_s", million.seconds, "1,000,000 items without a call, in 1,000 companies"),
        ("many_per_s", many.per_second, "orders of 10,000 companies settled, 20 of each"),
    ]
}

fn print(settings: &Settings, measured: &Measured) {
    let figures = figures(measured);
    if settings.json() {
        let object = figures.map(|(name, value, _)| (name.to_owned(), rounded(value)));
        println!("{}", Value::Object(object.into_iter().collect()));
        return;
    }
    let rounds = measured.rounds.len();
    println!(
        "batch, {CONCURRENCY} calls under way, of the runner and without it (medians of {rounds} rounds)"
    );
    for (name, value, about) in figures {
        println!("{name:<18} {value:>12.2}  {about}");
    }
}
