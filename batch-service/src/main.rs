//! The process: its jobs, and the command line.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    batch_service::main(batch_service::jobs::all()).await
}
