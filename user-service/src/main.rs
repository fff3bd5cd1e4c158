//! The process.

use std::path::Path;
use std::process::ExitCode;

use shared::Routes;
use shared::config::{ConfigError, LogLevels};
use shared::process::{self, Service};
use shared::server::{BoundServer, StartupError};
use user_service::config::Config;
use user_service::{routes, startup};

struct UserService;

impl Service for UserService {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const ABOUT: &'static str = "Users, each within a company.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    type Config = Config;

    fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        Config::load(file)
    }

    fn log(config: &Config) -> &LogLevels {
        &config.log
    }

    fn routes() -> Routes {
        routes::routes()
    }

    async fn migrate(config: &Config) -> Result<(), StartupError> {
        startup::migrate(config).await
    }

    async fn bind(config: &Config) -> Result<BoundServer, StartupError> {
        startup::bind(config).await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    process::run::<UserService>().await
}
