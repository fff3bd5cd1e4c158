//! The load programs: each measures a subject against a baseline in the same run.
//!
//! `cargo run --release -p tests --bin load -- start [--json] [--seconds N]`

mod harness;
mod start;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::{Program, Settings};

/// Measures baton against baselines in the same run. Figures of a debug build mean nothing: use --release.
#[derive(Parser)]
struct Arguments {
    /// Print one JSON object in place of a table.
    #[arg(long, global = true)]
    json: bool,
    /// How long to measure, in seconds; at least five rounds are made.
    #[arg(long, global = true, default_value_t = 10)]
    seconds: u64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// From exec to ready, and memory: all five services in one process, against one bare actix server.
    Start,
    /// A server that a program measures; not for people.
    #[command(hide = true, subcommand)]
    Server(start::Server),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let program: &dyn Program = match &arguments.command {
        Command::Start => &start::Start,
        Command::Server(server) => return server.run(),
    };
    let settings = Settings::new(arguments.json, arguments.seconds);
    match harness::measure(program, &settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
