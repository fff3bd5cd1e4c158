//! The process.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    file_service::process::main().await
}
