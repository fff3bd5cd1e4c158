//! What can be said on the command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shared::process::ConfigCommand;

/// Jobs that work for many companies in turn, each under its own session.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// TOML file with a section [batch]; variables BATON_BATCH_... win over it.
    #[arg(long, global = true)]
    pub(super) config: Option<PathBuf>,
    /// Look whether the settings can be used, and end: 0 if they can, 2 if not. Calls nobody.
    #[arg(long)]
    pub(super) check_config: bool,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 42 it needs a person, 75 another start may do what is left, \
                          143 stopped with all that is done written down.";

/// A job, and for what.
#[derive(Args, Clone)]
pub(super) struct Which {
    /// The job; `list` shows them.
    pub(super) job: String,
    /// Parameters of the job: name=value.
    #[arg(value_parser = pair)]
    pub(super) parameters: Vec<(String, String)>,
    /// The window: 2026-07-17, 2026-07 or 2026-07-17T09:00Z, as the job has days, months or hours. Without it, the last one
    /// that the schedule has come to.
    #[arg(long)]
    pub(super) window: Option<String>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run a job, or go on with its run where that was left.
    Run {
        #[command(flatten)]
        which: Which,
        /// So many windows before it first, the oldest first; those that are complete are left alone.
        #[arg(long, value_name = "WINDOWS", default_value_t = 0, conflicts_with = "again")]
        catch_up: usize,
        /// A run that is complete looks again for what there is to be done.
        #[arg(long)]
        again: bool,
        /// So many items may go to quarantine, in place of the job's own limit.
        #[arg(long, value_name = "ITEMS")]
        skip_limit: Option<u64>,
    },
    /// Go on with a run that was stopped, or has failed.
    Resume {
        /// Its number.
        run: i64,
        /// So many items may go to quarantine, in place of the job's own limit.
        #[arg(long, value_name = "ITEMS")]
        skip_limit: Option<u64>,
    },
    /// Show the newest runs, or one of them.
    Status {
        /// Its number.
        run: Option<i64>,
    },
    /// Show the runs of a job.
    History {
        /// The job.
        job: String,
        /// So many at most.
        #[arg(long, default_value_t = 50)]
        count: u32,
    },
    /// Stop a run: whoever is at it writes down what is done and ends with 143.
    Stop {
        /// Its number.
        run: i64,
    },
    /// Process again what a run has put into quarantine.
    Replay {
        /// Its number.
        run: i64,
    },
    /// Show what is in quarantine.
    Quarantine {
        /// Of this run alone.
        run: Option<i64>,
        /// A line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Say what a run would do: it reads, and processes nothing.
    DryRun(Which),
    /// List the jobs, with the next time of each.
    List,
    /// Run all jobs at their times, until SIGTERM.
    Schedule {
        /// Begin with so many times that have passed: what nobody ran is made up for.
        #[arg(long, value_name = "TIMES", default_value_t = 0)]
        catch_up: usize,
    },
    /// Print what Kubernetes has to be told of a job; with a window, of one run of it.
    Manifest {
        #[command(flatten)]
        which: Which,
        /// So many pods share a run, in place of as many as the job declares.
        #[arg(long)]
        pods: Option<NonZeroU32>,
    },
    /// Bring the database up to date, and end.
    Migrate,
    /// The settings.
    #[command(subcommand)]
    Config(ConfigCommand),
}

impl Command {
    /// Whether it runs jobs.
    pub(super) fn works(&self) -> bool {
        use Command::{Replay, Resume, Run, Schedule};
        matches!(self, Run { .. } | Resume { .. } | Replay { .. } | Schedule { .. })
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "a parameter is said as name=value".to_owned())
}
