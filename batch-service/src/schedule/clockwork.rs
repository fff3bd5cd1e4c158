//! [`Scheduler`]: starts jobs at their times, in one process.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::{Shared, join_all};
use shared::{Clock, Timestamp};
use tracing::{info, warn};

use super::Timetable;
use crate::window::Window;

/// How late a job may be after the machine slept or its clock was set.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// So many missed times of a job are made up for, the latest of them.
const MOST_MISSED: usize = 100;

/// Starts each job at its times. Jobs do not wait for each other; the windows of one job are run one after the other.
///
/// A time that passes while the machine sleeps, while its clock is set forward, or while the job is still running is made up
/// for, up to 100 of them. Where the clock is set back, times come again: whatever was done finds itself complete.
/// Two processes may run the same schedule.
#[derive(Clone, Debug)]
pub struct Scheduler {
    timetables: Vec<Timetable>,
    clock: Arc<dyn Clock>,
    catch_up: usize,
    look_every: Duration,
}

/// The scheduled times of one job that came up.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    windows: Vec<Window>,
    given_up: bool,
}

impl Scheduler {
    /// A scheduler of these jobs; those without a schedule are left alone.
    #[must_use]
    pub fn new(timetables: Vec<Timetable>, clock: Arc<dyn Clock>) -> Self {
        Self { timetables, clock, catch_up: 0, look_every: LOOK_EVERY }
    }

    /// Begins with the last `times` scheduled times of each job, for the case that nobody ran them. 100 at the most.
    #[must_use]
    pub fn catching_up(mut self, times: usize) -> Self {
        self.catch_up = times.min(MOST_MISSED);
        self
    }

    /// Looks at the clock this often, and not every 30 s.
    #[must_use]
    pub fn looking_every(mut self, pause: Duration) -> Self {
        self.look_every = pause;
        self
    }

    /// Calls `start` with the job's name and window at each scheduled time, until `stop` resolves. Then nothing more is started;
    /// what is running is waited for.
    pub async fn run<F, Running>(&self, stop: impl Future<Output = ()>, start: F)
    where
        F: Fn(&'static str, Window) -> Running,
        Running: Future<Output = ()>,
    {
        let stop = stop.shared();
        let jobs = self.timetables.iter().filter(|timetable| timetable.schedule().is_some());
        join_all(jobs.map(|job| self.tend(job, stop.clone(), &start))).await;
        stop.await;
    }

    async fn tend<S, F, Running>(&self, timetable: &Timetable, stop: Shared<S>, start: &F)
    where
        S: Future<Output = ()>,
        F: Fn(&'static str, Window) -> Running,
        Running: Future<Output = ()>,
    {
        let mut seen = self.first_seen(timetable);
        loop {
            let now = self.clock.now();
            let due = Due::between(timetable, seen, now);
            seen = now;
            due.report(timetable.job());
            for window in due.windows {
                if stop.clone().now_or_never().is_some() {
                    return;
                }
                start(timetable.job(), window).await;
            }
            tokio::select! {
                () = stop.clone() => return,
                () = tokio::time::sleep(self.pause(timetable, seen)) => {}
            }
        }
    }

    /// Times up to this one are taken as done when the process starts.
    fn first_seen(&self, timetable: &Timetable) -> Timestamp {
        let now = self.clock.now();
        let to_catch_up = timetable.times_back_from(now).take(self.catch_up);
        to_catch_up.last().map_or(now, |first| first - TimeDelta::seconds(1))
    }

    fn pause(&self, timetable: &Timetable, seen: Timestamp) -> Duration {
        let next = timetable.next_after(seen);
        let left = next.and_then(|next| (next.to_utc() - self.clock.now()).to_std().ok());
        let over = next.is_some() && left.is_none();
        if over { Duration::ZERO } else { left.unwrap_or(self.look_every).min(self.look_every) }
    }
}

impl Due {
    /// What came up after `seen`, up to `now`, oldest first. Nothing where the clock was set back.
    fn between(timetable: &Timetable, seen: Timestamp, now: Timestamp) -> Self {
        let mut times: Vec<_> = timetable
            .times_back_from(now)
            .take_while(|time| *time > seen)
            .take(MOST_MISSED + 1)
            .collect();
        let given_up = times.len() > MOST_MISSED;
        times.truncate(MOST_MISSED);
        let mut windows: Vec<_> =
            times.into_iter().rev().map(|time| timetable.window_at(time)).collect();
        windows.dedup();
        Self { windows, given_up }
    }

    fn report(&self, job: &str) {
        if self.given_up {
            warn!(
                job,
                "more than {MOST_MISSED} times of {job} were missed; the older ones are left"
            );
        }
        if let [_, .., last] = &self.windows[..] {
            let count = self.windows.len();
            info!(job, count, "making up for {count} windows of {job}, up to {last}");
        }
    }
}

#[cfg(test)]
mod tests;
