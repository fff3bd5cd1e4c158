//! Why a service does not start, as its operator reads it.

use std::io;
use std::process::ExitCode;

use crate::routes::AuditError;

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address asked for.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The listener's certificate, its key or the roots of its callers cannot be used.
    #[error("tls: {0}")]
    Tls(String),
    /// A route has no policy, or one that this server cannot hold callers to.
    #[error("routes: {0}")]
    Routes(#[from] AuditError),
    /// The metrics cannot be set up.
    #[error("cannot set up the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A service cannot start. Its text is the one line that the operator gets.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The server cannot listen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A part that the service stands on cannot be used, and waiting would not help.
    #[error("{part}: {cause}")]
    Part {
        /// Which part, for example `database`.
        part: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// A part that the service stands on is away; it may be back.
    #[error("{part}: {cause}")]
    Away {
        /// Which part, for example `database`.
        part: &'static str,
        /// What was tried, and what came of it.
        cause: String,
    },
}

/// What a database says to a service that starts: one that is away, or has not been migrated yet, may be waited for.
#[cfg(feature = "store")]
impl From<crate::db::DbError> for StartupError {
    fn from(error: crate::db::DbError) -> Self {
        match error {
            error @ crate::db::DbError::Unavailable(_) => Self::away("database")(error),
            error => Self::part("database")(error),
        }
    }
}

impl StartupError {
    /// This part cannot be used; for `map_err`.
    pub fn part<E: std::fmt::Display>(part: &'static str) -> impl Fn(E) -> Self {
        move |cause| Self::Part { part, cause: cause.to_string() }
    }

    /// This part is away, and may be back; for `map_err`.
    pub fn away<E: std::fmt::Display>(part: &'static str) -> impl Fn(E) -> Self {
        move |cause| Self::Away { part, cause: cause.to_string() }
    }

    /// Whether another attempt to start may succeed, with the same settings.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }

    #[cfg(feature = "process")]
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Part { part, .. } | Self::Away { part, .. } => part,
            Self::Bind(_) => "listener",
        }
    }
}

/// Ends a process: one line on standard error and exit code 1 when it failed.
#[must_use]
pub fn exit<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
