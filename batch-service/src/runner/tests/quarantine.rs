//! What is in quarantine, and what is counted of it.

use super::{Bench, Failed, Fate, Numbers, asked};
use crate::error::BatchError;
use crate::repository::parts::{NotSaved, Poison, Share};
use crate::runner::{Asked, Replayed, Stop};

/// The names of what is in quarantine.
async fn names(bench: &Bench, run: i64) -> Result<Vec<String>, Failed> {
    let listed = bench.runner().quarantined(Some(run), (0, 100)).await?;
    Ok(listed.into_iter().map(|entry| entry.name).collect())
}

#[tokio::test]
async fn what_a_replay_is_refused_stays_in_quarantine() -> Result<(), Failed> {
    let bench = Bench::start().await?;
    let job = Numbers::new(&[7], &[(1, Fate::Fine), (2, Fate::Refuses(20)), (3, Fate::Bad)]);
    let report = bench.run(&asked(&job)).await?;
    assert_eq!((report.count("counted"), report.quarantined), (2, 2), "{report}");
    // 20 is refused by itself now, 3 gets through but for a part of it.
    job.set(&[(20, Fate::Refuses(20)), (3, Fate::Refuses(30)), (30, Fate::Bad)]);
    let replayed = bench.runner().replay(&asked(&job), &report.run, &Stop::default()).await?;
    assert_eq!(replayed, Replayed { cleared: 1, left: 2 });
    assert_eq!(names(&bench, report.run.id).await?, ["20", "30"]);
    let report = bench.runner().look_at(report.run).await?;
    assert_eq!((report.count("counted"), report.items), (3, 3), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_new_pass_does_again_what_was_in_quarantine_and_it_counts_once() -> Result<(), Failed> {
    let bench = Bench::start().await?;
    let job = Numbers::new(&[7], &[(1, Fate::Fine), (2, Fate::Bad), (3, Fate::Bad)]);
    let report = bench.run(&asked(&job)).await?;
    assert_eq!((report.count("counted"), report.quarantined), (1, 2), "{report}");
    job.set(&[(1, Fate::Fine), (2, Fate::Fine), (3, Fate::Bad)]);
    let report = bench.run(&Asked { again: true, ..asked(&job) }).await?;
    assert_eq!((report.count("counted"), report.quarantined), (2, 1), "{report}");
    assert_eq!(names(&bench, report.run.id).await?, ["3"]);
    Ok(())
}

#[tokio::test]
async fn an_item_that_counts_several_things_counts_them_all_when_it_is_replayed()
-> Result<(), Failed> {
    let bench = Bench::start().await?;
    let job = Numbers::new(&[7], &[(1, Fate::Bad)]);
    let report = bench.run(&asked(&job)).await?;
    job.set(&[(1, Fate::CountsTwice)]);
    bench.runner().replay(&asked(&job), &report.run, &Stop::default()).await?;
    let report = bench.runner().look_at(report.run).await?;
    assert_eq!((report.count("counted"), report.items), (2, 1), "{report}");
    Ok(())
}

/// What it counts beside a process that works on the run would be lost with that one's next checkpoint.
#[tokio::test]
async fn nothing_is_replayed_while_the_run_is_in_work() -> Result<(), Failed> {
    let bench = Bench::start().await?;
    let job = Numbers::new(&[7, 8], &[(1, Fate::Bad)]);
    let (asked, stop) = (asked(&job), Stop::default());
    let parts = bench.runner().parts;
    let report = bench.run(&asked).await?;
    bench.runner().runs.reopen(&report.run).await?;
    let runner = bench.runner();
    let place = (report.run.id, Share::ALL);
    let mut taken = runner.parts.take(place, runner.lease(), (1, &[])).await?;
    let refused = bench.runner().replay(&asked, &report.run, &stop).await;
    assert!(matches!(refused, Err(BatchError::InWork(_))), "{refused:?}");
    // It is paused, and comes too late.
    let mut part = taken.pop().ok_or("a part")?;
    let mut progress = part.progress.clone();
    let poison = ["a", "b"].map(|name| Poison {
        name: name.to_owned(),
        item: "1".to_owned(),
        reason: String::new(),
        attempts: 1,
    });
    progress.items += 5;
    parts.save(&mut part, progress.clone(), (&poison, runner.clock.now())).await?;
    job.set(&[]);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let replayed = bench.runner().replay(&asked, &report.run, &stop).await?;
    assert_eq!(replayed, Replayed { cleared: 2, left: 0 });
    let saved = parts.save(&mut part, progress, (&[], runner.clock.now())).await;
    assert!(matches!(saved, Err(NotSaved::Fenced)), "{saved:?}");
    let report = bench.runner().look_at(report.run).await?;
    assert_eq!((report.count("counted"), report.items), (2, 7), "{report}");
    Ok(())
}
