//! The process: telemetry, config, startup, run.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    auth_service::cli::main().await
}
