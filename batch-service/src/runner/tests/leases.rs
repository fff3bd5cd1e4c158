//! Who holds a part.

use std::time::Duration;

use super::{Bench, Failed, Fate, Numbers, asked};
use crate::repository::parts::{PartState, Share};
use crate::runner::Stop;
use crate::runner::lease::Held;

/// As after an outage of the database: it is in work here, and would be shut out by ourselves.
#[tokio::test]
async fn a_process_does_not_take_over_what_it_works_on_itself() -> Result<(), Failed> {
    let bench = Bench::start().await?;
    let job = Numbers::new(&[7, 8], &[(1, Fate::Fine)]);
    let report = bench.run(&asked(&job)).await?;
    let (runner, other) = (bench.runner(), bench.runner());
    runner.runs.reopen(&report.run).await?;
    let place = (report.run.id, Share::ALL);
    let taken = runner.parts.take(place, runner.lease(), (8, &[])).await?;
    let held: Vec<i64> = taken.iter().map(|part| part.id).collect();
    assert_eq!(held.len(), 2);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(runner.parts.take(place, runner.lease(), (8, &held)).await?.is_empty());
    assert_eq!(other.parts.take(place, other.lease(), (8, &[])).await?.len(), 2);
    Ok(())
}

/// The renewal may be answered before the part's own task hears that its last checkpoint is written.
#[tokio::test]
async fn a_part_that_is_over_is_not_lost_and_one_that_was_taken_over_is() -> Result<(), Failed> {
    let bench = Bench::start().await?;
    let job = Numbers::new(&[7, 8], &[(1, Fate::Fine)]);
    let report = bench.run(&asked(&job)).await?;
    let (runner, other) = (bench.runner(), bench.runner());
    runner.runs.reopen(&report.run).await?;
    let place = (report.run.id, Share::ALL);
    let mut taken = runner.parts.take(place, runner.lease(), (8, &[])).await?;
    let (held, stop) = (Held::default(), Stop::default());
    taken.iter().for_each(|part| held.add(part.id));
    let mut part = taken.pop().ok_or("a part")?;
    let mut progress = part.progress.clone();
    progress.state = PartState::Done;
    runner.parts.save(&mut part, progress, (&[], runner.clock.now())).await?;
    let keep = || runner.keep_leases(report.run.id, (&held, &stop));
    let _ = tokio::time::timeout(Duration::from_millis(700), keep()).await;
    assert_eq!(stop.reason(), None);
    let ids = held.ids();
    runner.parts.release(&ids, &runner.owner).await?;
    assert_eq!(other.parts.take(place, other.lease(), (8, &[])).await?.len(), 1);
    let _ = tokio::time::timeout(Duration::from_millis(700), keep()).await;
    assert!(stop.reason().is_some(), "another process has it");
    Ok(())
}

/// The work of one that has looked at the companies later would be in a run that is complete.
#[tokio::test]
async fn a_run_is_planned_once_in_a_pass() -> Result<(), Failed> {
    let bench = Bench::start().await?;
    let job = Numbers::new(&[7], &[(1, Fate::Fine)]);
    let report = bench.run(&asked(&job)).await?;
    let runner = bench.runner();
    let plan = |pass| runner.parts.plan((report.run.id, pass), &[7, 8], runner.clock.now());
    plan(1).await?;
    assert_eq!(runner.look_at(report.run.clone()).await?.parts, (1, 1));
    runner.runs.reopen(&report.run).await?;
    plan(1).await?;
    assert_eq!(runner.parts.list(report.run.id).await?.len(), 1, "of the pass before");
    plan(2).await?;
    assert_eq!(runner.parts.list(report.run.id).await?.len(), 2);
    Ok(())
}
