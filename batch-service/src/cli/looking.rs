//! Commands that look at runs.

use std::collections::BTreeMap;
use std::process::ExitCode;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use shared::Timestamp;

use super::{CommandError, Program};
use crate::runner::{Ended, Quarantined, RunRecord, RunState};

/// Shown at once.
const PAGE: u32 = 500;
/// Shown of a parameter in a table.
const SHORT: usize = 12;

impl Program {
    pub(super) async fn show_newest(
        &self,
        job: Option<&str>,
        count: u32,
    ) -> Result<ExitCode, CommandError> {
        if let Some(job) = job {
            self.job(job)?;
        }
        let runner = self.batch.runner();
        let mut table = table(&[
            "run",
            "job",
            "window",
            "pass",
            "state",
            "parts",
            "items",
            "quarantine",
            "begun",
            "ended",
        ]);
        for run in runner.list(job, count).await? {
            let report = runner.look_at(run).await?;
            let RunRecord { id, job, window, parameters, pass, created_at, ended_at, .. } =
                &report.run;
            table.add_row([
                id.to_string(),
                job.clone(),
                window.clone(),
                short(parameters),
                pass.to_string(),
                self.state(&report.run).await?,
                format!("{}/{}", report.parts.0, report.parts.1),
                report.items.to_string(),
                report.quarantined.to_string(),
                moment(*created_at),
                ended_at.map(moment).unwrap_or_default(),
            ]);
        }
        println!("{table}");
        Ok(ExitCode::SUCCESS)
    }

    /// One that is open is at work, or waits for a process.
    async fn state(&self, run: &RunRecord) -> Result<String, CommandError> {
        Ok(match run.state {
            RunState::Complete => "complete".to_owned(),
            RunState::Failed => "failed".to_owned(),
            RunState::Open if run.stop_requested => "stopped".to_owned(),
            RunState::Open => match self.batch.runner().in_work(run.id).await? {
                (0, _) => "open, nobody at it".to_owned(),
                (held, _) => format!("running, {held} parts in work"),
            },
        })
    }

    pub(super) async fn show_run(&self, run: i64) -> Result<ExitCode, CommandError> {
        let runner = self.batch.runner();
        let report = runner.look_at(self.record(run).await?).await?;
        let state = self.state(&report.run).await?;
        let RunRecord { id, job, window, pass, parameters, created_at, .. } = &report.run;
        println!("run {id}: {job} {window}, pass {pass}, begun {}: {state}", moment(*created_at));
        for (name, value) in parameters {
            println!("  {name}={value}");
        }
        if let Ended::Failed(reason) = &report.ended {
            println!("  {reason}");
        }
        let mut table = table(&["company", "counted"]);
        for (company, counts) in &report.by_company {
            let counted: Vec<_> =
                counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
            let failed = report.failed.iter().find(|(id, _)| id == company);
            let failed = failed.map(|(_, reason)| format!("failed: {reason}"));
            let company = if *company == 0 { "all".to_owned() } else { company.to_string() };
            table.add_row([company, failed.unwrap_or_else(|| counted.join(", "))]);
        }
        println!("{table}");
        let (parts, items) = (report.parts, report.items);
        println!(
            "{} of {} parts, {items} items, {} in quarantine",
            parts.0, parts.1, report.quarantined
        );
        Ok(ExitCode::SUCCESS)
    }

    pub(super) async fn ask_to_stop(&self, run: i64) -> Result<ExitCode, CommandError> {
        let record = self.record(run).await?;
        if self.batch.runner().ask_to_stop(run).await? {
            println!("run {run} stops at its next checkpoint; `resume {run}` goes on");
            return Ok(ExitCode::SUCCESS);
        }
        let state = self.state(&record).await?;
        Err(CommandError::Usage(format!("run {run} is {state}: there is nothing to be stopped")))
    }

    pub(super) async fn show_quarantine(
        &self,
        run: Option<i64>,
        json: bool,
    ) -> Result<ExitCode, CommandError> {
        let runner = self.batch.runner();
        let mut table = table(&["run", "company", "item", "tried", "reason"]);
        let (mut after, mut shown) = (0, 0);
        loop {
            let page = runner.quarantined(run, (after, PAGE)).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for entry in &page {
                match json {
                    true => println!("{}", serde_json::to_string(entry).unwrap_or_default()),
                    false => {
                        table.add_row(row(entry));
                    }
                }
                shown += 1;
            }
        }
        match (json, shown) {
            (true, _) => {}
            (false, 0) => println!("nothing is in quarantine"),
            (false, _) => println!("{table}"),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(entry: &Quarantined) -> [String; 5] {
    let Quarantined { run_id, company_id, name, attempts, reason, .. } = entry;
    let company = if *company_id == 0 { "all".to_owned() } else { company_id.to_string() };
    [run_id.to_string(), company, name.clone(), attempts.to_string(), reason.clone()]
}

/// The ends of the values: those of paths tell most.
fn short(parameters: &BTreeMap<String, String>) -> String {
    let end = |value: &str| -> String {
        let skipped = value.chars().count().saturating_sub(SHORT);
        let dots = if skipped > 0 { ".." } else { "" };
        format!("{dots}{}", value.chars().skip(skipped).collect::<String>())
    };
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", end(value)));
    pairs.collect::<Vec<_>>().join(" ")
}

fn table(heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(heading);
    table
}

fn moment(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
