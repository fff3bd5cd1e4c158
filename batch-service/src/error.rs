//! What can go wrong with a job.

use std::time::Duration;

use shared::client::CallError;
use shared::client::token_source::{HandoffRefusal, TokenFetchError};
use shared::db::DbError;

use crate::money::SumTooLarge;

/// Why a job, or its work for one company, could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A call to a service failed, also when it was repeated.
    #[error("{service}: {cause}")]
    Call {
        /// Which service.
        service: &'static str,
        /// How it failed.
        cause: CallError,
    },
    /// The batch's own database is away or refuses.
    #[error("the batch's database: {0}")]
    Db(#[from] DbError),
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is no list of orders.
    #[error("{path} is not a list of orders: {cause}")]
    NotOrders {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The job cannot be put together.
    #[error(transparent)]
    Startup(#[from] shared::server::StartupError),
    /// order-service refuses to settle some orders, and will do so again.
    #[error("{count} orders cannot be settled; the first: {first}")]
    Refused {
        /// How many.
        count: u64,
        /// Why the first of them cannot.
        first: String,
    },
    /// The orders of a statement are worth more than can be written down.
    #[error(transparent)]
    Sum(#[from] SumTooLarge),
    /// The statement cannot be written.
    #[error("cannot write the statement: {0}")]
    Statement(String),
    /// What a process that works on a run counts would be lost, or what is counted beside it.
    #[error("run {0} is in work: replay when that has ended, or `stop` it before")]
    InWork(i64),
    /// Something that is wrong with this item, or with what was asked of the job, and will be wrong again.
    #[error("{0}")]
    Job(String),
}

impl From<CallError> for BatchError {
    fn from(cause: CallError) -> Self {
        Self::Call { service: "a service", cause }
    }
}

impl From<serde_json::Error> for BatchError {
    fn from(error: serde_json::Error) -> Self {
        Self::Job(error.to_string())
    }
}

impl BatchError {
    /// For `map_err` at a call to a service, so that an error names it.
    pub fn call(service: &'static str) -> impl Fn(CallError) -> Self {
        move |cause| Self::Call { service, cause }
    }

    /// Whether running again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            // What is no answer of the service's comes from something in between.
            Self::Call { cause: CallError::Unexpected(_), .. } => true,
            Self::Call { cause, .. } => cause.is_transient(),
            Self::Db(error) => matches!(error, DbError::Unavailable(_)),
            Self::File { .. }
            | Self::NotOrders { .. }
            | Self::Refused { .. }
            | Self::Sum(_)
            | Self::Startup(_)
            | Self::Statement(_)
            | Self::InWork(_)
            | Self::Job(_) => false,
        }
    }

    /// Why what was handed on gives no token, if that is what is wrong.
    #[must_use]
    pub fn handoff_refusal(&self) -> Option<&HandoffRefusal> {
        match self {
            Self::Call { cause, .. } => cause.handoff_refusal(),
            _ => None,
        }
    }

    /// Whether the service that was called has refused the token, which was good when it was fetched.
    #[must_use]
    pub fn refuses_the_token(&self) -> bool {
        matches!(self, Self::Call { cause: CallError::Refused { status: 401, .. }, .. })
    }

    /// How long the service that was called wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Call { cause, .. } => cause.retry_after(),
            _ => None,
        }
    }

    /// Whether the item itself may be what is wrong, where others get through. It is not where no token can be had for its
    /// company, where the batch's own database is away, or where the service says that it is too much at once.
    #[must_use]
    pub fn may_be_of_the_item(&self) -> bool {
        match self {
            Self::Call { cause: CallError::Token(TokenFetchError::Handoff(_)), .. } => true,
            Self::Call { cause: CallError::Token(_), .. } | Self::Db(_) => false,
            Self::Call { cause: CallError::Refused { status, .. }, .. } => *status != 429,
            _ => true,
        }
    }

    /// Whether it is not about one item: every further one would meet the same. A token that is refused, a scope that is
    /// missing, a client that is not known.
    #[must_use]
    pub fn ends_run(&self) -> bool {
        let Self::Call { cause, .. } = self else { return false };
        match cause {
            // What is declared for the batch is declared for all; the rest is of what was handed on for this item.
            CallError::Token(TokenFetchError::Handoff(refusal)) => {
                *refusal == HandoffRefusal::NotAllowed
            }
            CallError::Token(error) => !error.is_transient(),
            CallError::Refused { status, .. } => matches!(status, 401 | 403),
            CallError::Request(_) | CallError::NotPermitted(_) | CallError::Redirect(_) => true,
            CallError::Transport(_) | CallError::Deadline { .. } | CallError::Unexpected(_) => {
                false
            }
        }
    }
}
