//! close-dormant-users: tells people who were not seen for long that their accounts will be closed, and closes them after a
//! term. user-service decides, in the statement that closes one: whoever logs in meanwhile stays.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use shared::server::StartupError;
use shared::{Clock, ServiceClient, Timestamp, UserId};

use crate::error::BatchError;
use crate::job::{Chunk, Declaration, Job, Outcome, Parameter, Planned, Run, Work};
use crate::startup::Batch;
use crate::user_api::UserApi;
use crate::user_api::dormancy::Dormant;
use crate::window::Period;

/// Its name.
pub const NAME: &str = "close-dormant-users";
/// A login lasts 90 days at the most, and user-service hears of it when it begins: whoever uses it is not dormant.
const SHORTEST_AFTER: i64 = 91;
const LONGEST_AFTER: i64 = 36_500;
/// user-service announces no day that is further away.
const LONGEST_TERM: i64 = 3_600;

/// In the night: who had not been seen when the day began.
pub(crate) const DECLARATION: Declaration = Declaration {
    parameters: &[
        Parameter {
            name: "after_days",
            about: "who was not seen for so many days is warned, 91 or more",
            default: Some("365"),
        },
        Parameter {
            name: "term_days",
            about: "so many days after the warning his account is closed",
            default: Some("30"),
        },
    ],
    ..Declaration::new(NAME, "warn people who were not seen for long, and close their accounts")
        .scheduled("0 3 * * *", Period::Day)
};

/// What is to be done about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    user: UserId,
    step: DueStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum DueStep {
    Warn,
    Withdraw,
}

/// What the parameters say.
#[derive(Clone, Copy, Debug)]
struct Terms {
    seen_before: Timestamp,
    warned_before: Timestamp,
    term: TimeDelta,
}

impl Terms {
    /// No day that is still to come makes anybody dormant.
    fn of(run: &Run, now: Timestamp) -> Result<Self, BatchError> {
        let at = run.window.end().min(now);
        let after = days(run, "after_days", SHORTEST_AFTER..=LONGEST_AFTER)?;
        let term = days(run, "term_days", 1..=LONGEST_TERM)?;
        Ok(Self { seen_before: at - after, warned_before: at - term, term })
    }

    /// None: he was warned, and has time left.
    fn due(&self, dormant: &Dormant) -> Option<DueStep> {
        match dormant.warned_at {
            None => Some(DueStep::Warn),
            Some(at) => (at <= self.warned_before).then_some(DueStep::Withdraw),
        }
    }
}

fn days(
    run: &Run,
    name: &str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<TimeDelta, BatchError> {
    let days = run.parameter(name).parse().ok().filter(|days| range.contains(days));
    let asked = || format!("`{name}` is {} to {}", range.start(), range.end());
    days.map(TimeDelta::days).ok_or_else(|| BatchError::Job(asked()))
}

/// Closes accounts.
#[derive(Debug)]
pub struct CloseDormantUsers {
    users: UserApi,
    clock: Arc<dyn Clock>,
}

impl CloseDormantUsers {
    /// The job.
    ///
    /// # Errors
    /// When a service is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn new(batch: &Batch) -> Result<Self, StartupError> {
        let users = UserApi::new(batch.client("user-service", "user:dormancy")?);
        Ok(Self { users, clock: batch.clock() })
    }

    fn terms(&self, run: &Run) -> Result<Terms, BatchError> {
        Terms::of(run, self.clock.now())
    }
}

#[async_trait]
impl Job for CloseDormantUsers {
    type Item = Due;

    fn declaration(&self) -> Declaration {
        DECLARATION
    }

    fn clients(&self) -> Vec<&ServiceClient> {
        vec![self.users.client()]
    }

    async fn partitions(&self, run: &Run) -> Result<Planned, BatchError> {
        let seen_before = self.terms(run)?.seen_before;
        Ok(Planned::Companies(self.users.companies_of_dormant(seen_before).await?))
    }

    async fn read(&self, work: &Work<'_>, after: Option<&str>) -> Result<Chunk<Due>, BatchError> {
        let terms = self.terms(work.run)?;
        let (users, next) = self.users.dormant(work.session()?, terms.seen_before, after).await?;
        let due = |dormant: Dormant| {
            let due = Due { user: dormant.id, step: terms.due(&dormant)? };
            Some((dormant.id.to_string(), due))
        };
        Ok(Chunk::new(users.into_iter().filter_map(due).collect(), next))
    }

    async fn process(&self, work: &Work<'_>, due: &Due, key: &str) -> Result<Outcome, BatchError> {
        let terms = self.terms(work.run)?;
        let whom = (work.session()?, due.user);
        let outcome = match due.step {
            DueStep::Warn => {
                let closes_on = (self.clock.now() + terms.term).date_naive();
                self.users.warn_dormant(whom, (terms.seen_before, closes_on), key).await?
            }
            DueStep::Withdraw => {
                let moments = (terms.seen_before, terms.warned_before);
                self.users.withdraw_dormant(whom, moments).await?
            }
        };
        Ok(Outcome::one(counted(outcome.as_deref())))
    }
}

/// Under which name somebody is counted.
fn counted(outcome: Option<&str>) -> &'static str {
    match outcome {
        Some("WARNED") => "warned",
        Some("WARNED_BEFORE") => "warned before",
        Some("UNREACHABLE") => "without an address",
        Some("WITHDRAWN") => "withdrawn",
        Some("SEEN" | "KEPT") => "seen again",
        Some(_) => "other",
        None => "gone",
    }
}
