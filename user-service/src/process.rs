//! The process: what `shared::process` has to know of this service.

use std::path::Path;
use std::process::ExitCode;

use shared::Routes;
use shared::config::{ConfigError, LogLevels};
use shared::process::{self, Service};
use shared::server::{BoundServer, Listen, Listeners, StartupError};

use crate::config::Config;
use crate::{routes, startup};

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

    fn check(config: &Config) -> Result<(), StartupError> {
        startup::check(config)
    }

    fn routes() -> Routes {
        routes::routes()
    }

    async fn migrate(config: &Config) -> Result<(), StartupError> {
        startup::migrate(config).await
    }

    fn listen(config: &Config) -> Listen {
        config.listen()
    }

    async fn bind(config: &Config, listeners: Listeners) -> Result<BoundServer, StartupError> {
        startup::bind_to(listeners, config).await
    }
}

/// Does what the command line says.
pub async fn main() -> ExitCode {
    process::run::<UserService>().await
}
