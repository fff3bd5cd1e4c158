//! Commands about times.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use shared::Clock;
use shared::clock::SystemClock;
use tracing::{error, warn};

use super::arguments::Which;
use super::{CommandError, Jobs, Program, known_parameters, parameters};
use crate::config::Config;
use crate::manifest::Said;
use crate::runner::{Asked, Ended, Stop, StopReason};
use crate::schedule::{Scheduler, Schedules, Timetable, timetables};
use crate::window::Window;

/// Starts of a run that may be tried again.
const STARTS: u32 = 10;

/// Without settings, too: then the schedules are those that the jobs declare.
pub(super) fn list(jobs: &Jobs, file: Option<&Path>) -> Result<ExitCode, CommandError> {
    let schedules = Config::load(file).map(|config| config.schedules).unwrap_or_else(|error| {
        eprintln!("{error}\nSo these are the schedules that the jobs declare:\n");
        Schedules::new()
    });
    let declarations = jobs.declarations();
    let now = SystemClock::new().now();
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["job", "next", "zone", "about"]);
    for (declaration, timetable) in declarations.iter().zip(timetables(&declarations, &schedules)?)
    {
        let next = timetable.next_after(now).map(|at| at.format("%Y-%m-%d %H:%M %Z").to_string());
        let parameters = declaration.parameters.iter().map(|one| format!(" {}=..", one.name));
        let about = format!("{}{}", declaration.about, parameters.collect::<String>());
        let zone = timetable.zone().name().to_owned();
        let next = next.unwrap_or_else(|| "when asked".to_owned());
        table.add_row([declaration.name.to_owned(), next, zone, about]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print_manifest(
    jobs: &Jobs,
    which: &Which,
    pods: Option<NonZeroU32>,
) -> Result<ExitCode, CommandError> {
    let found = jobs.declarations().into_iter().find(|declaration| declaration.name == which.job);
    let mut declaration = found.ok_or_else(|| CommandError::NoSuchJob(which.job.clone()))?;
    declaration.pods = pods.map_or(declaration.pods, NonZeroU32::get);
    let timetable = Timetable::of(&declaration, &Schedules::new())?;
    let parameters = known_parameters(&declaration, &which.parameters)?;
    let said = Said { parameters: &parameters, window: which.window.as_deref() };
    let text = crate::manifest::manifest(&declaration, &timetable, &said)?;
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

impl Program {
    /// Runs all jobs at their times until the process is told to end; those that run are stopped as by SIGTERM.
    pub(super) async fn keep_schedule(&self, catch_up: usize) -> Result<ExitCode, CommandError> {
        let scheduler = Scheduler::new(self.timetables.clone(), self.batch.clock());
        let scheduler = scheduler.catching_up(catch_up);
        let stopped = async {
            self.stop.requested().await;
        };
        scheduler
            .run(stopped, |job, window| async move {
                if let Err(cause) = self.run_at_its_time(job, window).await {
                    error!(job, %cause, "a scheduled run came to nothing");
                }
            })
            .await;
        Ok(ExitCode::SUCCESS)
    }

    async fn run_at_its_time(&self, job: &str, window: Window) -> Result<(), CommandError> {
        let job = self.job(job)?;
        let mut parameters = parameters(&job.declaration(), &[])?;
        job.identify(&mut parameters).await?;
        let asked = Asked::new(Arc::clone(job), window, parameters);
        for _ in 1..STARTS {
            let ended = self.run_once(&asked).await;
            if !may_be_tried_again(&ended) || self.stop.reason().is_some() {
                return ended.map(drop);
            }
            warn!(?asked, "to be tried again");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(self.config.lease_s.get())) => {}
                _ = self.stop.requested() => return Ok(()),
            }
        }
        self.run_once(&asked).await.map(drop)
    }

    async fn run_once(&self, asked: &Asked) -> Result<Ended, CommandError> {
        // One run that fails must not end the others: it has a stop of its own, which hears of ours.
        let stop = Stop::default();
        let run = self.run_with(asked, &stop);
        tokio::pin!(run);
        tokio::select! {
            ended = &mut run => ended,
            _ = self.stop.requested() => {
                stop.request(StopReason::Signal);
                run.await
            }
        }
    }
}

/// What Kubernetes would start again: nobody else does it here, and the next time is that of another window.
fn may_be_tried_again(ended: &Result<Ended, CommandError>) -> bool {
    match ended {
        Ok(ended) => ended.exit_code() == Ended::TRY_AGAIN,
        Err(CommandError::Batch(error)) => error.is_transient(),
        Err(_) => false,
    }
}
