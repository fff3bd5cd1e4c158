//! The process: its jobs, and the command line.

use std::process::ExitCode;

use batch_service::cli::{self, Jobs};
use batch_service::jobs;

#[tokio::main]
async fn main() -> ExitCode {
    cli::main(Jobs { declarations: jobs::declarations, all: jobs::all }).await
}
