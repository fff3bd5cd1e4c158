//! Where the log lines of the tests go, to be looked through.
//!
//! With `BATON_TEST_LOG_DIR` every line of the services in the test's own process, and of those that are processes of their
//! own, is written into that folder, down to the level of debugging. `tests/run` sets it, and looks through all of it afterwards
//! for what must not be there.

use std::fs::{File, OpenOptions, create_dir_all};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use shared::config::LogLevels;

/// The folder, if there is to be one.
pub fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = PathBuf::from(std::env::var_os("BATON_TEST_LOG_DIR")?);
        create_dir_all(&folder).expect("a folder for logs");
        Some(folder)
    });
    folder.as_deref()
}

/// Writes down what the services in this process log, if that is wanted.
pub fn start_if_wanted() {
    if folder().is_some() {
        start();
    }
}

/// Writes it down in any case; says where.
pub fn start() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = folder().map_or_else(folder_of_the_build, Path::to_owned);
        let path = folder.join(format!("test-{}.log", std::process::id()));
        let file = Arc::new(append_to(&path));
        let levels = LogLevels::try_from("debug".to_owned()).expect("a level");
        shared::telemetry::start_writing(&levels, move || Arc::clone(&file));
        path
    })
}

/// Cargo's folder is the only one in which tests leave something.
fn folder_of_the_build() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.ancestors().nth(2).expect("a profile's folder").join("test-logs");
    create_dir_all(&folder).expect("a folder for logs");
    folder
}

fn append_to(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a file for logs")
}

/// Has a process write its log there, as long as nobody else is to read what it says.
pub fn keep(command: &mut Command) {
    if let Some(folder) = folder() {
        command.stderr(append_to(&folder.join("processes.log")));
    }
}

/// What a process has said to somebody who read it.
pub fn keep_said(text: &str) {
    if let Some(folder) = folder() {
        append_to(&folder.join("processes.log")).write_all(text.as_bytes()).expect("it is written");
    }
}

/// The level of a process whose log nobody reads.
pub fn level(otherwise: &str) -> String {
    if folder().is_some() { "debug".to_owned() } else { otherwise.to_owned() }
}

/// The lines so far that are of this trace.
pub fn of_trace(trace_id: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(start()).expect("a log");
    let lines = text.lines().filter(|line| line.contains(trace_id));
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
