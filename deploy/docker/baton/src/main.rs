//! All programs of baton in one file: it is the one under whose name it is called.
//!
//! They share most of their code, so one file is half of five, on disk and in memory.

mod healthcheck;
#[cfg(test)]
mod compose;

use std::env::{self, ArgsOs};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

const PROGRAMS: [&str; 5] =
    ["auth-service", "user-service", "order-service", "file-service", "batch-service"];

const USAGE: &str = "\
usage: auth-service | user-service | order-service | file-service | batch-service [--help] ...
       baton <one of these> ...
       baton healthcheck <port> [<path>]    whether http://127.0.0.1:<port>/readyz answers 200
";

/// As for wrong arguments of the programs themselves.
const MISUSED: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let called = arguments.next().unwrap_or_default();
    match Path::new(&called).file_name().and_then(OsStr::to_str) {
        Some("auth-service") => auth_service::cli::main().await,
        Some("user-service") => user_service::process::main().await,
        Some("order-service") => order_service::process::main().await,
        Some("file-service") => file_service::process::main().await,
        Some("batch-service") => batch_service::main(batch_service::jobs::all()).await,
        _ => under_own_name(arguments),
    }
}

fn under_own_name(mut arguments: ArgsOs) -> ExitCode {
    let first = arguments.next();
    match first.as_deref().and_then(OsStr::to_str) {
        Some("healthcheck") => healthcheck::main(arguments),
        Some(name) if PROGRAMS.contains(&name) => become_program(name, arguments),
        Some("help" | "--help" | "-h") | None => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some(_) => misused(),
    }
}

/// The same process begins again under the other name.
fn become_program(name: &str, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let failed = Command::new("/proc/self/exe").arg0(name).args(arguments).exec();
    eprintln!("cannot become {name}: {failed}");
    ExitCode::FAILURE
}

fn misused() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(MISUSED)
}
