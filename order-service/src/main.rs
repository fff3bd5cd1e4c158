//! The process.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    order_service::process::main().await
}
