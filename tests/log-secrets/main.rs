//! Looks through the logs of a run of the tests for what must not be there: every secret that the tests have come to know, and
//! whatever looks like one.
//!
//! `log-secrets <folder>`; the folder is that of `BATON_TEST_LOG_DIR`. Exit code 1 where something is found, 2 where there was
//! nothing to look through.

mod search;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use search::Search;
use tests::known_secrets;

/// Fewer lines and secrets than this have not come of the tests.
const LEAST_LINES: u64 = 1_000;
const LEAST_SECRETS: usize = 100;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: log-secrets <folder>");
        return ExitCode::from(2);
    };
    Search::check_itself();
    let known = fs::read_to_string(folder.join(known_secrets::FILE)).unwrap_or_default();
    let search = Search::of(known.lines());
    let (mut lines, mut found) = (0, 0);
    for path in logs_in(&folder) {
        each_line(&path, |line| {
            lines += 1;
            for what in search.found_in(line) {
                found += 1;
                // Not the line: what is shown here is a log, too.
                let place = line.get(..200.min(line.len())).unwrap_or_default();
                eprintln!("{}: {what} in a line that begins with {place}", path.display());
            }
        });
    }
    println!("{lines} lines looked through for {} secrets: {found} found", search.count());
    if lines < LEAST_LINES || search.count() < LEAST_SECRETS {
        eprintln!("that is too little to look through");
        return ExitCode::from(2);
    }
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn logs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|own| own == "log")).collect()
}

fn each_line(path: &Path, mut look: impl FnMut(&str)) {
    let mut reader = BufReader::new(fs::File::open(path).expect("a log"));
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).expect("a line") > 0 {
        look(&String::from_utf8_lossy(&line));
        line.clear();
    }
}
