//! What Kubernetes has to be told of a job, from the job's own declaration.
//!
//! It is for Kubernetes 1.27 and later; a job that several pods share needs 1.29, for a failure limit of each index. The YAML is
//! written by serde-saphyr: serde_yaml is no longer kept, and its descendants carry a parser that was translated from C; this
//! one is kept, writes without it, and puts quotes around whatever an old YAML parser would take for a number or a truth value.

mod pod;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::BatchError;
use crate::job::Declaration;
use crate::runner::Ended;
use crate::schedule::Timetable;
use crate::window::Period;

/// The pod has written down what it did, and another one goes on: something was away, or it was stopped.
const GOES_ON: [u8; 2] = [Ended::TRY_AGAIN, Ended::STOPPED];
/// A pod, or an index, may fail so often in any other way: no memory, settings that cannot be read.
const FAILURES: u32 = 6;

/// What is said of the runs, beside what the job declares.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Parameters of the job.
    pub parameters: &'a BTreeMap<String, String>,
    /// The window of the one run that is asked for.
    pub window: Option<&'a str>,
}

/// The YAML of a job: a `CronJob`, or a `Job` to be created by hand where there is no schedule, or a window was said.
///
/// # Errors
/// [`BatchError::Job`] when it cannot be written, which does not happen.
pub fn manifest(
    declaration: &Declaration,
    timetable: &Timetable,
    said: &Said<'_>,
) -> Result<String, BatchError> {
    let pod = pod::template(declaration, timetable, said);
    let document = match timetable.schedule().filter(|_| said.window.is_none()) {
        Some(schedule) => cron_job(declaration, timetable, schedule, pod),
        _ => job(declaration, said.window, pod),
    };
    let yaml = serde_saphyr::to_string(&document)
        .map_err(|error| BatchError::Job(format!("the manifest cannot be written: {error}")))?;
    let name = declaration.name;
    Ok(format!(
        "# {about}\n# Written by `batch-service manifest {name}`: change what the job declares, not this file.\n{yaml}",
        about = declaration.about
    ))
}

// The members of all objects are in alphabetical order, in the source too: whether serde_json keeps the order of the source or
// sorts, which any crate of a build may decide for all, the file is the same.

fn cron_job(declaration: &Declaration, timetable: &Timetable, schedule: &str, pod: Value) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": { "labels": labels(declaration), "name": declaration.name },
        "spec": {
            "concurrencyPolicy": "Forbid",
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": { "labels": labels(declaration) },
                "spec": job_spec(declaration, pod),
            },
            "schedule": schedule,
            "startingDeadlineSeconds": starting_deadline_s(declaration.period),
            "successfulJobsHistoryLimit": 3,
            "timeZone": timetable.zone().name(),
        },
    })
}

fn job(declaration: &Declaration, window: Option<&str>, pod: Value) -> Value {
    let mut spec = job_spec(declaration, pod);
    // A CronJob keeps its last Jobs; one that was made by hand is deleted after a week.
    spec["ttlSecondsAfterFinished"] = json!(7 * 24 * 3600);
    let mut metadata = json!({ "labels": labels(declaration) });
    // Of one window there is one run, so there is one name; without a window each Job is another.
    match window {
        Some(window) => metadata["name"] = json!(format!("{}-{}", declaration.name, label(window))),
        None => metadata["generateName"] = json!(format!("{}-", declaration.name)),
    }
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec })
}

/// The window as a part of a name, for example `2026-07-17t09-00z`.
fn label(window: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    window.chars().map(allowed).collect()
}

/// In the jobs that several pods share, each index has its own failures, and one that has failed does not end the others.
fn job_spec(declaration: &Declaration, pod: Value) -> Value {
    let deadline_s = active_deadline_s(declaration.period);
    if declaration.pods <= 1 {
        return json!({
            "activeDeadlineSeconds": deadline_s,
            "backoffLimit": FAILURES,
            "podFailurePolicy": pod_failure_policy("FailJob"),
            "template": pod,
        });
    }
    json!({
        "activeDeadlineSeconds": deadline_s,
        "backoffLimitPerIndex": FAILURES,
        "completionMode": "Indexed",
        "completions": declaration.pods,
        "parallelism": declaration.pods,
        "podFailurePolicy": pod_failure_policy("FailIndex"),
        "template": pod,
    })
}

/// The first rule that fits counts. What is ignored is followed by another pod, later and later, until `activeDeadlineSeconds`.
fn pod_failure_policy(when_permanent: &str) -> Value {
    let exits = |codes: &[u8]| json!({ "containerName": pod::CONTAINER, "operator": "In", "values": codes });
    json!({
        "rules": [
            { "action": when_permanent, "onExitCodes": exits(&[Ended::PERMANENT]) },
            { "action": "Ignore", "onExitCodes": exits(&GOES_ON) },
            {
                "action": "Ignore",
                "onPodConditions": [{ "status": "True", "type": "DisruptionTarget" }],
            },
        ],
    })
}

/// A run that could not be started for so long is left to the next one, which catches it up.
fn starting_deadline_s(period: Period) -> u32 {
    match period {
        Period::Hour => 50 * 60,
        Period::Day | Period::Once => 20 * 3600,
        Period::Month => 7 * 24 * 3600,
    }
}

/// Every run has an end. The pod is stopped as by SIGTERM, and the next one goes on at its checkpoint.
fn active_deadline_s(period: Period) -> u32 {
    match period {
        Period::Hour => 6 * 3600,
        Period::Day => 22 * 3600,
        Period::Month | Period::Once => 6 * 24 * 3600,
    }
}

fn labels(declaration: &Declaration) -> Value {
    json!({
        "app.kubernetes.io/component": declaration.name,
        "app.kubernetes.io/name": "batch-service",
        "app.kubernetes.io/part-of": "baton",
    })
}

#[cfg(test)]
mod tests;
