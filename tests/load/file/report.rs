//! What is printed.

use serde_json::{Value, json};

use super::{Crowd, Round, Side};
use crate::harness::{median, rounded};

type Of = fn(&Side) -> f64;

const DOWNLOAD: Of = |side| side.download_mb_s;
const SMALL: Of = |side| side.small.per_second;
const P99: Of = |side| side.small.p99_ms;
const UPLOAD: Of = |side| side.upload_mb_s;

fn medians(rounds: &[Round], of: Of) -> (f64, f64) {
    let subject = rounds.iter().map(|round| of(&round.subject)).collect();
    let baseline = rounds.iter().map(|round| of(&round.baseline)).collect();
    (median(subject), median(baseline))
}

/// The median of what each round comes to, in which both had the same machine.
fn ratio(rounds: &[Round], of: Of) -> f64 {
    median(rounds.iter().map(|round| of(&round.subject) / of(&round.baseline)).collect())
}

pub fn as_json(rounds: &[Round], crowd: &Crowd) -> Value {
    let mut object = json!({
        "download_ratio": rounded(ratio(rounds, DOWNLOAD)),
        "small_ratio": rounded(ratio(rounds, SMALL)),
        "upload_ratio": rounded(ratio(rounds, UPLOAD)),
        "rss_mib": rounded(crowd.rss_mib),
        "uploads_refused": crowd.refused,
    });
    let figures = [
        ("download_mb_s", DOWNLOAD),
        ("small_per_s", SMALL),
        ("small_p99_ms", P99),
        ("upload_mb_s", UPLOAD),
    ];
    for (name, of) in figures {
        let (subject, baseline) = medians(rounds, of);
        object[name] = rounded(subject);
        object[format!("baseline_{name}")] = rounded(baseline);
    }
    object
}

pub fn print_table(rounds: &[Round], crowd: &Crowd) {
    println!(
        "file: file-service against nginx, and against writing alone ({} rounds)",
        rounds.len()
    );
    println!("{:<32} {:>12} {:>12} {:>8}", "", "subject", "baseline", "ratio");
    let rows = [
        ("download of 1 GiB, MB/s", DOWNLOAD),
        ("download of 10 KiB, requests/s", SMALL),
        ("download of 10 KiB, p99 in ms", P99),
        ("upload of 256 MiB, MB/s", UPLOAD),
    ];
    for (name, of) in rows {
        let (subject, baseline) = medians(rounds, of);
        let ratio = ratio(rounds, of);
        println!("{name:<32} {subject:>12.1} {baseline:>12.1} {ratio:>8.2}");
    }
    println!("{:<32} {:>12.1}", "peak memory of 50 at once, MiB", crowd.rss_mib);
    println!("{:<32} {:>12}", "uploads of these refused at first", crowd.refused);
}
