//! When a call may be tried again, and after which pause.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, Request, StatusCode};

/// A call is sent so often at the most.
pub(super) const MAX_ATTEMPTS: u32 = 3;
/// The pause before the first repetition is at most this; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest such pause, unless the service asks for more by `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What a retry costs. What a call brings in is 1: while a service is away, its callers send a tenth more.
const RETRY_COST: u32 = 10;
/// So many retries can be saved up.
const MAX_BUDGET: u32 = 10 * RETRY_COST;

/// The retries that are left for each host. Without it, callers who try again keep a service down that has stumbled.
#[derive(Default)]
pub(crate) struct RetryBudgets(Mutex<HashMap<String, u32>>);

impl RetryBudgets {
    fn change(&self, host: &str, change: impl FnOnce(&mut u32) -> bool) -> bool {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match budgets.get_mut(host) {
            Some(budget) => change(budget),
            // There are no more hosts than a target has origins.
            None => change(budgets.entry(host.to_owned()).or_insert(MAX_BUDGET)),
        }
    }

    pub(super) fn deposit(&self, host: &str) {
        self.change(host, |budget| {
            *budget = (*budget + 1).min(MAX_BUDGET);
            true
        });
    }

    pub(super) fn withdraw(&self, host: &str) -> bool {
        self.change(host, |budget| match budget.checked_sub(RETRY_COST) {
            Some(left) => {
                *budget = left;
                true
            }
            None => false,
        })
    }
}

/// Sending it twice has the effect of once (RFC 9110 section 9.2.2), or the service sees to that.
pub(super) fn is_idempotent(request: &Request) -> bool {
    let methods =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];
    methods.contains(request.method()) || request.headers().contains_key("idempotency-key")
}

pub(super) fn is_worth_a_retry(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Anything up to the full pause: those who failed together do not come back together. Not before the service wants
/// to be asked again.
pub(super) fn pause(attempt: u32, asked: Option<Duration>) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
    asked.unwrap_or_default().saturating_add(longest.mul_f64(fastrand::f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_begins_with_ten_retries_and_earns_one_in_ten_calls() {
        let budgets = RetryBudgets::default();
        let spent = || (0..100).take_while(|_| budgets.withdraw("a")).count();
        assert_eq!(spent(), 10);
        assert!(budgets.withdraw("b"), "another host has its own");
        (0..9).for_each(|_| budgets.deposit("a"));
        assert_eq!(spent(), 0);
        budgets.deposit("a");
        assert_eq!(spent(), 1);
        (0..1000).for_each(|_| budgets.deposit("a"));
        assert_eq!(spent(), 10, "no more than ten are saved");
    }

    #[test]
    fn a_pause_is_random_bounded_and_no_shorter_than_asked_for() {
        for attempt in 0..40 {
            let longest = Duration::from_millis(50 << attempt.min(6)).min(LONGEST_PAUSE);
            let pauses: Vec<_> = (0..50).map(|_| pause(attempt, None)).collect();
            assert!(pauses.iter().all(|pause| *pause <= longest), "{attempt}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
            let asked = Duration::from_secs(7);
            assert!((asked..=asked + longest).contains(&pause(attempt, Some(asked))));
        }
    }
}
