//! What all programs share: rounds in which baseline and subject take turns, medians, the table and the JSON.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// Fewer rounds say nothing about the spread.
const LEAST_ROUNDS: usize = 5;

/// What went wrong, in a line.
pub type Failure = Box<dyn std::error::Error>;

/// A figure of one round: its name and its value.
pub type Figure = (&'static str, f64);

/// Something that can be measured against a baseline.
pub trait Program {
    /// What is measured, for the table.
    fn title(&self) -> &'static str;

    /// Once, before the first round; what it does is not measured.
    fn warm_up(&self) -> Result<(), Failure>;

    /// One round of what the subject is held against.
    fn baseline(&self) -> Result<Vec<Figure>, Failure>;

    /// One round of the subject, with figures of the same names.
    fn subject(&self) -> Result<Vec<Figure>, Failure>;
}

/// How to measure.
pub struct Settings {
    json: bool,
    time: Duration,
}

impl Settings {
    pub fn new(json: bool, seconds: u64) -> Self {
        Self { json, time: Duration::from_secs(seconds) }
    }

    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether there is time for another round after so many.
    pub fn goes_on(&self, started: Instant, rounds: usize) -> bool {
        self.has_time(started) || rounds < LEAST_ROUNDS
    }

    /// The same for rounds that are long enough by themselves.
    pub fn has_time(&self, started: Instant) -> bool {
        started.elapsed() < self.time
    }
}

/// Measures and prints.
pub fn measure(program: &dyn Program, settings: &Settings) -> Result<(), Failure> {
    stay_on_core(1)?;
    program.warm_up()?;
    let (mut baselines, mut subjects) = (Vec::new(), Vec::new());
    let started = Instant::now();
    while settings.goes_on(started, subjects.len()) {
        baselines.push(program.baseline()?);
        subjects.push(program.subject()?);
    }
    let (baseline, subject) = (medians(&baselines), medians(&subjects));
    if settings.json {
        println!("{}", as_json(&baseline, &subject));
    } else {
        print_table(program.title(), subjects.len(), &baseline, &subject);
    }
    Ok(())
}

/// The median of each figure over the rounds.
fn medians(rounds: &[Vec<Figure>]) -> Vec<Figure> {
    let first = rounds.first().map_or(&[][..], Vec::as_slice);
    let of = |place: usize| median(rounds.iter().map(|figures| figures[place].1).collect());
    first.iter().enumerate().map(|(place, (name, _))| (*name, of(place))).collect()
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// The value that this part of all values does not exceed.
pub fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * part).ceil() as usize;
    values[place.clamp(1, values.len()) - 1]
}

fn as_json(baseline: &[Figure], subject: &[Figure]) -> Value {
    let mut object = Map::new();
    for (name, value) in subject {
        object.insert((*name).to_owned(), rounded(*value));
    }
    for (name, value) in baseline {
        object.insert(format!("baseline_{name}"), rounded(*value));
    }
    Value::Object(object)
}

pub fn rounded(value: f64) -> Value {
    json!((value * 1000.0).round() / 1000.0)
}

fn print_table(title: &str, rounds: usize, baseline: &[Figure], subject: &[Figure]) {
    println!("{title} (medians of {rounds} rounds)");
    println!("{:<16} {:>12} {:>12} {:>8}", "", "subject", "baseline", "ratio");
    for ((name, subject), (_, baseline)) in subject.iter().zip(baseline) {
        println!("{name:<16} {subject:>12.1} {baseline:>12.1} {:>8.2}", subject / baseline);
    }
}

/// Load here, servers on core 0: they must not take time from each other.
const SERVER_CORE: usize = 0;

/// Keeps this program on a core.
pub fn stay_on_core(core: usize) -> Result<(), Failure> {
    if std::thread::available_parallelism()?.get() < 2 {
        eprintln!("one core only: load and server take time from each other");
        return Ok(());
    }
    let pid = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-p", "-c", &core.to_string(), &pid]).output()?;
    if pinned.status.success() { Ok(()) } else { Err("taskset cannot choose a core".into()) }
}

/// A command that runs on the servers' core.
pub fn on_server_core(program: &std::path::Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &SERVER_CORE.to_string()]).arg(program);
    command
}
