//! The process.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    user_service::process::main().await
}
