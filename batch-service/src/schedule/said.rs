//! The window of a run that is started now: said by an operator, by Kubernetes, or else by the schedule.

use chrono::{DateTime, TimeDelta};
use shared::Timestamp;

use super::Timetable;
use crate::window::{NotAWindow, Period, Window};

/// A Job's clock may be behind that of Kubernetes' controller by so much.
const SKEW: TimeDelta = TimeDelta::minutes(10);
/// A Job that was scheduled longer ago than this is not still running.
const OLDEST: TimeDelta = TimeDelta::days(62);

/// What has been said of the window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `--window`.
    pub window: Option<String>,
    /// The annotation `batch.kubernetes.io/cronjob-scheduled-timestamp`. Kubernetes writes it on the Job and not on the Job's
    /// pods, so it is there only if somebody copies it; the downward API makes an empty text of what is not there.
    pub scheduled_at: Option<String>,
    /// The pod's label `batch.kubernetes.io/job-name`. A CronJob calls its Jobs by its own name, a hyphen, and the minutes from
    /// 1970 to the scheduled time.
    pub kubernetes_job: Option<String>,
}

/// Why there is no window to work on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWindow {
    /// What was said is no window of the job.
    #[error(transparent)]
    NotAWindow(#[from] NotAWindow),
    /// What should be the scheduled time is none, or none that a Job of now can have.
    #[error("the scheduled time `{0}` is not a recent time in RFC 3339")]
    NotATime(String),
    /// It has not ended: what comes in later would never be worked on, since the window would be complete.
    #[error("the window {label} ends at {end} and cannot be worked on before")]
    NotOver {
        /// The window.
        label: String,
        /// Its end.
        end: Timestamp,
    },
}

/// The window of a run that is started at `now`.
///
/// # Errors
/// When what is said of it makes no sense.
pub fn window_of(timetable: &Timetable, said: &Said, now: Timestamp) -> Result<Window, NoWindow> {
    if let Some(text) = &said.window {
        return asked_for(timetable, text, now);
    }
    let annotated = said.scheduled_at.as_deref().filter(|text| !text.is_empty());
    let annotated = annotated.map(|text| time_of_annotation(text, now)).transpose()?;
    let scheduled = annotated
        .or_else(|| time_of_name(said.kubernetes_job.as_deref()?, now))
        .or_else(|| timetable.last_at(now).map(|time| time.to_utc()));
    Ok(timetable.window_at(scheduled.unwrap_or(now)))
}

/// The `count` windows before `window`, oldest first; fewer where there are fewer.
#[must_use]
pub fn missed(window: &Window, count: usize) -> Vec<Window> {
    let before = std::iter::successors(window.previous(), Window::previous);
    let mut windows: Vec<_> = before.take(count).collect();
    windows.reverse();
    windows
}

fn asked_for(timetable: &Timetable, text: &str, now: Timestamp) -> Result<Window, NoWindow> {
    let window = Window::parse(timetable.period(), timetable.zone(), text)?;
    if window.period() != Period::Once && window.end() > now {
        return Err(NoWindow::NotOver { label: text.to_owned(), end: window.end() });
    }
    Ok(window)
}

fn time_of_annotation(text: &str, now: Timestamp) -> Result<Timestamp, NoWindow> {
    let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    time.filter(|time| is_recent(*time, now)).ok_or_else(|| NoWindow::NotATime(text.to_owned()))
}

/// None for the name of a Job that was made by hand, whatever number it may end with.
fn time_of_name(job: &str, now: Timestamp) -> Option<Timestamp> {
    let (_, minutes) = job.rsplit_once('-')?;
    let is_number = minutes.bytes().all(|byte| byte.is_ascii_digit());
    let minutes: i64 = minutes.parse().ok().filter(|_| is_number)?;
    let time = DateTime::from_timestamp(minutes.checked_mul(60)?, 0)?;
    is_recent(time, now).then_some(time)
}

fn is_recent(time: Timestamp, now: Timestamp) -> bool {
    let age = now.signed_duration_since(time);
    -SKEW <= age && age <= OLDEST
}

#[cfg(test)]
mod tests;
