//! Which job runs when: cron expressions, time zones, and the days on which clocks are set.
//!
//! A job that is declared with one minute and one hour (`15 2 * * *`) runs once on every day that its expression names. Where
//! the clock is set forward over that time, it runs at the first moment after; where the time comes twice, at the first.
//! A job with more than one time a day (`*/10 * * * *`, `0,30 2 * * *`) follows the clock: the times that are left out do
//! not happen, those that come twice happen twice. Both are what Vixie's cron does. Kubernetes differs: a daily job's time that is
//! left out does not happen there, and one that comes twice happens twice. Neither matters to what is worked on: the second run
//! finds its window complete, and what `manifest` prints catches up the window before.

mod clockwork;
mod said;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde::{Deserialize, Serialize};
use shared::Timestamp;

pub use clockwork::Scheduler;
pub use said::{NoWindow, Said, missed, window_of};

use crate::job::Declaration;
use crate::window::{Period, Window};

/// What a deployment says of the jobs' schedules, by the job's name: the table `[batch.schedules.<job>]` of the configuration file.
pub type Schedules = BTreeMap<String, ScheduleSettings>;

/// What a deployment says of one job's schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// A cron expression of five fields, or `never`. Default: what the job declares.
    #[serde(default)]
    pub schedule: Option<String>,
    /// The IANA name of a zone, for the schedule and for what a day is. It is chosen before the first run: in another zone a day
    /// of the same name is another stretch of time. Default: what the job declares.
    #[serde(default)]
    pub time_zone: Option<String>,
}

/// A job's times and windows: its declaration with what the deployment says.
#[derive(Clone, Debug)]
pub struct Timetable {
    job: &'static str,
    period: Period,
    zone: Tz,
    schedule: Option<String>,
    cron: Option<Cron>,
}

/// The schedule of a job cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// The settings name a job that there is not.
    #[error("there is a schedule for `{0}`, and no such job")]
    UnknownJob(String),
    /// No zone has this name.
    #[error("{job}: `{zone}` is not the IANA name of a time zone")]
    Zone {
        /// The job.
        job: &'static str,
        /// What stands for the zone.
        zone: String,
    },
    /// Its one window would be complete after the first time.
    #[error("{0}: a job without windows has no schedule")]
    NoWindows(&'static str),
    /// It is no cron expression, or none that Kubernetes takes too.
    #[error("{job}: `{schedule}` is not a cron expression of five fields: {cause}")]
    Cron {
        /// The job.
        job: &'static str,
        /// The expression.
        schedule: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// The timetables of all jobs.
///
/// # Errors
/// When one cannot be read, or the settings name an unknown job.
pub fn timetables(
    declarations: &[Declaration],
    settings: &Schedules,
) -> Result<Vec<Timetable>, BadSchedule> {
    let is_known = |name: &&String| declarations.iter().any(|job| job.name == name.as_str());
    if let Some(unknown) = settings.keys().find(|name| !is_known(name)) {
        return Err(BadSchedule::UnknownJob(unknown.clone()));
    }
    declarations.iter().map(|job| Timetable::of(job, settings)).collect()
}

impl Timetable {
    /// The job's own, where the settings say nothing else.
    ///
    /// # Errors
    /// When schedule or zone cannot be read.
    pub fn of(declaration: &Declaration, settings: &Schedules) -> Result<Self, BadSchedule> {
        let job = declaration.name;
        let said = settings.get(job);
        let zone = said.and_then(|said| said.time_zone.as_deref()).unwrap_or(declaration.time_zone);
        let zone: Tz =
            zone.parse().map_err(|_| BadSchedule::Zone { job, zone: zone.to_owned() })?;
        let schedule = said.and_then(|said| said.schedule.as_deref()).or(declaration.schedule);
        let schedule = schedule.filter(|schedule| *schedule != "never").map(str::to_owned);
        if schedule.is_some() && declaration.period == Period::Once {
            return Err(BadSchedule::NoWindows(job));
        }
        let refused = |cause| {
            let schedule = schedule.clone().unwrap_or_default();
            BadSchedule::Cron { job, schedule, cause }
        };
        let cron = schedule.as_deref().map(parse_cron).transpose().map_err(refused)?;
        Ok(Self { job, period: declaration.period, zone, schedule, cron })
    }

    /// The job's name.
    #[must_use]
    pub fn job(&self) -> &'static str {
        self.job
    }

    /// What its windows are.
    #[must_use]
    pub fn period(&self) -> Period {
        self.period
    }

    /// The zone that schedule and windows are in.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Its cron expression; None when it runs only if somebody asks.
    #[must_use]
    pub fn schedule(&self) -> Option<&str> {
        self.schedule.as_deref()
    }

    /// The first scheduled time after `at`: what `list` shows.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<DateTime<Tz>> {
        let at = at.with_timezone(&self.zone);
        self.cron.as_ref()?.find_next_occurrence(&at, false).ok()
    }

    /// The last scheduled time at `at` or before it.
    #[must_use]
    pub fn last_at(&self, at: Timestamp) -> Option<DateTime<Tz>> {
        let at = at.with_timezone(&self.zone);
        self.cron.as_ref()?.find_previous_occurrence(&at, true).ok()
    }

    /// The scheduled times at `until` and before it, the last one first.
    fn times_back_from(&self, until: Timestamp) -> impl Iterator<Item = Timestamp> {
        let times = std::iter::successors(self.last_at(until), |time| {
            self.last_at((*time - TimeDelta::seconds(1)).to_utc())
        });
        times.map(|time| time.to_utc())
    }

    /// What is worked on by a run that is due at `scheduled`: the last whole period that had ended then.
    #[must_use]
    pub fn window_at(&self, scheduled: Timestamp) -> Window {
        Window::before(self.period, self.zone, scheduled)
    }
}

/// What both croner and Kubernetes understand, and in the same way.
fn parse_cron(schedule: &str) -> Result<Cron, String> {
    // croner alone knows `L`, `W`, `#`, `+`, `@daily` and Sunday as 7.
    let is_known = |c: char| c.is_ascii_alphanumeric() || " *,-/".contains(c);
    if let Some(foreign) = schedule.chars().find(|c| !is_known(*c)) {
        return Err(format!("`{foreign}` is not understood"));
    }
    let mut words = schedule.split(|c: char| !c.is_ascii_alphabetic());
    if let Some(foreign) = words.find(|word| !matches!(word.len(), 0 | 3)) {
        return Err(format!("`{foreign}` is not understood"));
    }
    let fields: Vec<_> = schedule.split_ascii_whitespace().collect();
    if fields.get(4).is_some_and(|day_of_week| day_of_week.contains('7')) {
        return Err("Sunday is 0".to_owned());
    }
    // Of the two days one or both may have to fit: opinions differ about `*/2`.
    if let [_, _, day, _, day_of_week] = fields[..]
        && day != "*"
        && day_of_week != "*"
    {
        return Err("it names days of the month and of the week".to_owned());
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(schedule).map_err(|error| error.to_string())?;
    let ever = cron.find_next_occurrence(&DateTime::<Utc>::UNIX_EPOCH, true);
    ever.map_err(|_| "there is no such day".to_owned())?;
    Ok(cron)
}

#[cfg(test)]
mod tests;
