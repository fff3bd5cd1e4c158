//! Commands that run jobs.

use std::process::ExitCode;
use std::sync::Arc;

use super::arguments::Which;
use super::{CommandError, Program};
use crate::runner::{Asked, Ended, RunRecord, RunReport, Stop};
use crate::schedule::missed;
use crate::window::Window;

impl Program {
    /// The windows before the one that is asked for, then that one. What does not end well ends all.
    pub(super) async fn run_windows(
        &self,
        which: &Which,
        (catch_up, again, skip_limit): (usize, bool, Option<u64>),
    ) -> Result<ExitCode, CommandError> {
        let asked = Asked { again, skip_limit, ..self.asked(which).await? };
        for window in missed(&asked.window, catch_up) {
            let ended = self.run_one(&Asked { window, ..asked.clone() }).await?;
            if ended.exit_code() != Ended::DONE {
                return Ok(self.exit(&ended));
            }
        }
        let ended = self.run_one(&asked).await?;
        Ok(self.exit(&ended))
    }

    async fn run_one(&self, asked: &Asked) -> Result<Ended, CommandError> {
        self.run_with(asked, &self.stop).await
    }

    pub(super) async fn run_with(&self, asked: &Asked, stop: &Stop) -> Result<Ended, CommandError> {
        let report = self.batch.runner().run(asked, stop).await?;
        print!("{report}");
        print!("{}", asked.job.summary(&report).await?);
        self.say_what_is_in_quarantine(&report).await?;
        Ok(report.ended)
    }

    async fn say_what_is_in_quarantine(&self, report: &RunReport) -> Result<(), CommandError> {
        if report.quarantined > 0 && report.ended != Ended::AlreadyComplete {
            self.show_quarantine(Some(report.run.id), false).await?;
        }
        Ok(())
    }

    pub(super) async fn resume(
        &self,
        run: i64,
        skip_limit: Option<u64>,
    ) -> Result<ExitCode, CommandError> {
        let record = self.record(run).await?;
        let asked = Asked { resume: true, skip_limit, ..self.asked_before(&record)? };
        let ended = self.run_one(&asked).await?;
        Ok(self.exit(&ended))
    }

    pub(super) async fn replay(&self, run: i64) -> Result<ExitCode, CommandError> {
        let record = self.record(run).await?;
        let asked = self.asked_before(&record)?;
        let replayed = self.batch.runner().replay(&asked, &record, &self.stop).await?;
        println!("{} items processed, {} left in quarantine", replayed.cleared, replayed.left);
        Ok(match replayed.left {
            0 => ExitCode::SUCCESS,
            _ if self.stop.reason().is_some() => ExitCode::from(Ended::STOPPED),
            _ => ExitCode::from(Ended::PERMANENT),
        })
    }

    /// What was asked for when the run was begun.
    fn asked_before(&self, record: &RunRecord) -> Result<Asked, CommandError> {
        let (job, timetable) = (self.job(&record.job)?, self.timetable(&record.job)?);
        let window = Window::parse(timetable.period(), timetable.zone(), &record.window);
        let window = window.map_err(|error| CommandError::Window(error.into()))?;
        let share = self.config.share()?;
        Ok(Asked { share, ..Asked::new(Arc::clone(job), window, record.parameters.clone()) })
    }

    pub(super) async fn dry_run(&self, which: &Which) -> Result<ExitCode, CommandError> {
        let asked = self.asked(which).await?;
        let found = self.batch.runner().dry_run(&asked, &self.stop).await?;
        let (job, window) = (&which.job, asked.window.label());
        println!("{job} {window} would process {} items:", found.items);
        for (company, items) in &found.by_company {
            let part =
                company.map_or_else(|| "all".to_owned(), |company| format!("company {company}"));
            println!("  {part}: {items} items");
        }
        for (name, reason) in &found.rejected {
            println!("  not to be processed: {name}: {reason}");
        }
        Ok(ExitCode::SUCCESS)
    }

    pub(super) fn exit(&self, ended: &Ended) -> ExitCode {
        println!("{}", self.batch.calls());
        ExitCode::from(ended.exit_code())
    }

    pub(super) async fn record(&self, run: i64) -> Result<RunRecord, CommandError> {
        self.batch.runner().find(run).await?.ok_or(CommandError::NoSuchRun(run))
    }
}
