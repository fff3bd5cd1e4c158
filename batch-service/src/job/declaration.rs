//! [`Declaration`]: what is to be known of a job without running it.

use crate::window::Period;

/// What a job says of itself. `list`, `schedule` and `manifest` read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Its name on the command line and in Kubernetes: small letters, digits and hyphens.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// When it runs: a cron expression of five fields in `time_zone`. None: when somebody asks.
    pub schedule: Option<&'static str>,
    /// IANA name of the zone that schedule and windows are in.
    pub time_zone: &'static str,
    /// What a window is.
    pub period: Period,
    /// What can be said to it.
    pub parameters: &'static [Parameter],
    /// So many items may go to quarantine in one run; one more fails it.
    pub skip_limit: u64,
    /// How often an item is tried whose failure may pass, while others get through.
    pub attempts: u32,
    /// Items of a part in work at once, at most; 1: in their order. None: as many as the settings say.
    pub at_once: Option<usize>,
    /// Pods that share a run in Kubernetes: more than one makes an Indexed Job.
    pub pods: u32,
}

impl Declaration {
    /// A job that somebody asks for, once for each set of parameters.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            schedule: None,
            time_zone: "UTC",
            period: Period::Once,
            parameters: &[],
            skip_limit: 100,
            attempts: 8,
            at_once: None,
            pods: 1,
        }
    }

    /// The same by a schedule: what is worked on at each time is the last whole `period` before it.
    #[must_use]
    pub const fn scheduled(self, schedule: &'static str, period: Period) -> Self {
        Self { schedule: Some(schedule), period, ..self }
    }
}

/// Something that can be said to a job: `name=value` on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Taken when nothing is said; None: it has to be said.
    pub default: Option<&'static str>,
}

impl Parameter {
    /// One that has to be said.
    #[must_use]
    pub const fn required(name: &'static str, about: &'static str) -> Self {
        Self { name, about, default: None }
    }
}
