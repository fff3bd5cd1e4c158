//! What is in quarantine, and what is counted of it.

use super::{Bench, Failed, Fate, Numbers, asked};
use crate::runner::{Replayed, Stop};

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
